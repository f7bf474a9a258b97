"""Stage `epitome`: one of EPITOME's three scorers."""

from pathlib import Path

from eva import artifacts
from eva.data.epitome import load_epitome
from eva.record import StageRun
from eva.scorers.epitome_scorer import train_scorer
from eva.settings.params_file import Settings
from pipelines.harness import CONFUSION, stage, write_table


@stage("epitome")
def main(
    run: StageRun,
    settings: Settings,
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
    given = load_epitome(pairs, mechanism)
    result = train_scorer(settings.epitome, mechanism, encoder, probe, given, out)
    artifacts.write_json(metrics, result.scorecard.headline())
    write_table(plots, result.scorecard.confusion_rows(), CONFUSION)
    run.log_metrics(result.scorecard.headline())


if __name__ == "__main__":
    main()
