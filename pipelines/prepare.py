"""Stage `prepare`: an official corpus becomes normalised dialogues in splits."""

from pathlib import Path

from eva import artifacts
from eva.data import prepare as preparation
from eva.record import StageRun
from eva.settings.params_file import Settings
from pipelines.harness import stage


@stage("prepare")
def main(run: StageRun, settings: Settings, *, corpus: str, raw: Path, out: Path, metrics: Path) -> None:
    """Load, join, drop and split the dialogues of one corpus."""
    row = settings.corpora[corpus].model_copy(update={"path": raw})
    prepared = preparation.prepare(corpus, row, settings.prepare)
    preparation.write(prepared, out)
    artifacts.write_json(metrics, prepared.statistics)
    run.log_metrics({f"dialogues/{split}": len(rows) for split, rows in prepared.splits.items()})


if __name__ == "__main__":
    main()
