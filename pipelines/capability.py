"""Stage `capability`: lm-eval tasks on two variants, to measure the cost of fine-tuning (paper Table 13)."""

from pathlib import Path
from typing import TYPE_CHECKING

from eva import artifacts
from eva.models.loading import Policy
from eva.settings.capability_section import Capability

if TYPE_CHECKING:
    from eva.record import StageRun

SHOWN = ("before", "after", "difference", "stderr")


def main(
    run: "StageRun",
    capability: Capability,
    *,
    corpus: str,
    backbone: str,
    seed: int,
    before: Path,
    after: Path,
    task_path: Path,
    out: Path,
    metrics: Path,
) -> None:
    """Compare two variants on the tasks of the settings; without tasks, no model is loaded."""
    names = {"before": capability.before, "after": capability.after}
    first, second = (Policy.read(folder / "policy.json") for folder in (before, after))
    inapplicable = first.inapplicable or second.inapplicable
    if not capability.tasks or inapplicable:
        artifacts.write_json(out, {**names, "inapplicable": inapplicable, "scores": {}})
        artifacts.write_json(metrics, {})
        return
    run.announce()
    from eva.capability.differences import compare

    found = compare(first, second, capability.model_copy(update={"task_path": task_path})).to_dict()
    artifacts.write_json(out, {**names, "inapplicable": None, **found})
    table = {name: {key: score[key] for key in SHOWN} for name, score in found["scores"].items()}
    artifacts.write_json(metrics, table)
    run.log_metrics({f"{name}/{key}": row[key] for name, row in table.items() for key in SHOWN})
