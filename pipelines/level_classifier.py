"""Stage `level_classifier`: train the classifier of the four levels; compute EVAEval's reference V."""

from pathlib import Path
from typing import TYPE_CHECKING

from eva import artifacts
from eva.data.prepare import read_dropped, read_split
from eva.scorers.levels import train_level_classifier
from eva.settings.level_classifier_section import LevelClassifier
from pipelines.tables import CONFUSION, write_table

if TYPE_CHECKING:
    from eva.record import StageRun


def main(
    run: "StageRun",
    level_classifier: LevelClassifier,
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
    run.announce()
    splits = {split: read_split(prepared, split) for split in ("train", "valid", "test")}
    dropped = read_dropped(prepared)
    store = run.checkpoint_store
    result = train_level_classifier(level_classifier, encoder, probe, splits, labels, out, dropped, store)
    artifacts.write_json(metrics, result.scorecard.headline())
    write_table(plots, result.scorecard.confusion_rows(), CONFUSION)
    run.log_metrics(result.scorecard.headline())
