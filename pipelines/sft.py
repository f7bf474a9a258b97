"""Stage `sft`: empathy acquisition (ACQ) by full-parameter SFT.

For a variant without SFT, only a pointer to the backbone is written.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from eva import artifacts
from eva.data.dialogue import subset
from eva.data.prepare import read_split
from eva.models.loading import Start
from eva.settings.backbones_section import Backbone
from eva.settings.sft_section import Sft
from eva.settings.variants_section import Variant
from pipelines.tables import CURVE, write_table

if TYPE_CHECKING:
    from eva.record import StageRun


def main(
    run: "StageRun",
    sft: Sft,
    variants: Mapping[str, Variant],
    backbones: Mapping[str, Backbone],
    *,
    corpus: str,
    backbone: str,
    seed: int,
    variant: str,
    prepared: Path,
    model: Path,
    out: Path,
    metrics: Path,
    plots: Path,
) -> None:
    """Fine-tune the backbone on one corpus; a variant without ACQ starts from the backbone itself."""
    if not variants[variant].acquire:
        _point_at(model, out, metrics, plots, None)
        return
    if not backbones[backbone].trainable:
        _point_at(
            model,
            out,
            metrics,
            plots,
            f"{backbone} is generation only (`trainable: false`), so it has no ACQ",
        )
        return
    run.announce()
    from eva.training.sft import train as acquire

    train = subset(read_split(prepared, "train"), sft.max_train)
    valid = subset(read_split(prepared, "valid"), sft.max_valid)
    result = acquire(sft, train, valid, model, out, seed, run.checkpoint_store)
    Start(out.as_posix(), result.fingerprint, artifacts.digest_path(out)).write(out / "start.json")
    artifacts.write_json(metrics, result.metrics)
    write_table(plots, result.history, CURVE)
    run.log_metrics(result.metrics)
    run.log_history(result.history)
    if result.reused:
        run.mark_reused()


def _point_at(model: Path, out: Path, metrics: Path, plots: Path, inapplicable: str | None) -> None:
    with artifacts.new_folder(out) as folder:
        start = Start(model.as_posix(), None, artifacts.digest_path(model), inapplicable)
        start.write(folder / "start.json")
    artifacts.write_json(metrics, {"trained": 0})
    write_table(plots, [], CURVE)
