"""Stage `epitome`: train one of the three EPITOME scorers."""

from pathlib import Path
from typing import TYPE_CHECKING

from eva import artifacts
from eva.data.epitome import load_epitome
from eva.scorers.epitome_scorer import train_scorer
from eva.settings.epitome_section import Epitome
from pipelines.tables import CONFUSION, write_table

if TYPE_CHECKING:
    from eva.record import StageRun


def main(
    run: "StageRun",
    epitome: Epitome,
    *,
    mechanism: str,
    pairs: Path,
    encoder: Path,
    probe: Path,
    out: Path,
    metrics: Path,
    plots: Path,
) -> None:
    """Train and cross-validate the scorer of one mechanism (IP, EX or ER)."""
    run.announce()
    given = load_epitome(pairs, mechanism)
    result = train_scorer(epitome, mechanism, encoder, probe, given, out, run.checkpoint_store)
    artifacts.write_json(metrics, result.scorecard.headline())
    write_table(plots, result.scorecard.cross_validated.confusion_rows(), CONFUSION)
    run.log_metrics(result.scorecard.headline())
