"""Stage `dpo`: emotional validation alignment (ALI) by DPO with LoRA.

For a variant without alignment, only a pointer to the model is written.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from eva import artifacts
from eva.data.dialogue import Preference
from eva.models.loading import Policy, Start
from eva.settings.backbones_section import Backbone
from eva.settings.dpo_section import Dpo
from eva.settings.variants_section import Variant
from pipelines.tables import CURVE, write_table

if TYPE_CHECKING:
    from eva.record import StageRun


def main(
    run: "StageRun",
    dpo: Dpo,
    variants: Mapping[str, Variant],
    backbones: Mapping[str, Backbone],
    *,
    corpus: str,
    backbone: str,
    seed: int,
    variant: str,
    preferences: Path,
    start: Path,
    out: Path,
    metrics: Path,
    plots: Path,
) -> None:
    """Align one variant's model on the preference pairs of its backbone."""
    row = variants[variant]
    begin = Start.read(start / "start.json")
    inapplicable = begin.inapplicable
    if row.align and not backbones[backbone].trainable:
        inapplicable = f"{backbone} is generation only (`trainable: false`), so it has no ALI"
    if not row.align or inapplicable:
        with artifacts.new_folder(out) as folder:
            Policy(begin.model, None, row.prompt, begin.fingerprint, inapplicable).write(
                folder / "policy.json"
            )
        artifacts.write_json(metrics, {"trained": 0})
        write_table(plots, [], CURVE)
        return
    run.announce()
    from eva.training.dpo import train as align

    targets = backbones[backbone].lora_targets
    train, valid = (_read(preferences / f"{split}.jsonl") for split in ("train", "valid"))
    model = Path(begin.model)
    result = align(dpo, train, valid, model, out, targets, seed, run.checkpoint_store)
    Policy(begin.model, out.as_posix(), row.prompt, result.fingerprint).write(out / "policy.json")
    artifacts.write_json(metrics, result.metrics)
    write_table(plots, result.history, CURVE)
    run.log_metrics(result.metrics)
    run.log_history(result.history)
    if result.reused:
        run.mark_reused()


def _read(path: Path) -> list[Preference]:
    return [Preference.from_dict(row) for row in artifacts.read_jsonl(path)]
