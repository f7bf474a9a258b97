"""Stage `level_classifier`: the classifier of the four levels, and EVAEval's reference V."""

from pathlib import Path

from eva import artifacts
from eva.data.prepare import read_dropped, read_split
from eva.record import StageRun
from eva.scorers.levels import train_level_classifier
from eva.settings.params_file import Settings
from pipelines.harness import CONFUSION, stage, write_table


@stage("level_classifier")
def main(
    run: StageRun,
    settings: Settings,
    *,
    prepared: Path,
    labels: Path,
    encoder: Path,
    probe: Path,
    out: Path,
    metrics: Path,
    plots: Path,
) -> None:
    """Train and cross-validate the level classifier; V comes from its out-of-fold predictions."""
    splits = {split: read_split(prepared, split) for split in ("train", "valid", "test")}
    dropped = read_dropped(prepared)
    result = train_level_classifier(settings.level_classifier, encoder, probe, splits, labels, out, dropped)
    artifacts.write_json(metrics, result.scorecard.headline())
    write_table(plots, result.scorecard.confusion_rows(), CONFUSION)
    run.log_metrics(result.scorecard.headline())


if __name__ == "__main__":
    main()
