"""Stage `capability`: standard tasks on two variants, to see what fine-tuning cost (Table 13)."""

from pathlib import Path

from eva import artifacts
from eva.models.loading import Policy
from eva.record import StageRun
from eva.settings.params_file import Settings
from pipelines.harness import stage

SHOWN = ("before", "after", "difference", "stderr")


@stage("capability")
def main(
    run: StageRun,
    settings: Settings,
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
    """Compare two variants on the tasks of the settings; without tasks there is nothing to load."""
    section = settings.capability
    names = {"before": section.before, "after": section.after}
    first, second = (Policy.read(folder / "policy.json") for folder in (before, after))
    inapplicable = first.inapplicable or second.inapplicable
    if not section.tasks or inapplicable:
        artifacts.write_json(out, {**names, "inapplicable": inapplicable, "scores": {}})
        artifacts.write_json(metrics, {})
        return
    from eva.capability.differences import compare

    found = compare(first, second, section).to_dict()
    artifacts.write_json(out, {**names, "inapplicable": None, **found})
    table = {name: {key: score[key] for key in SHOWN} for name, score in found["scores"].items()}
    artifacts.write_json(metrics, table)
    run.log_metrics({f"{name}/{key}": row[key] for name, row in table.items() for key in SHOWN})


if __name__ == "__main__":
    main()
