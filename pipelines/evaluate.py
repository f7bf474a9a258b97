"""Stage `evaluate`: compute every metric of one variant, with counts, intervals and sums per dialogue."""

from pathlib import Path
from typing import TYPE_CHECKING

from eva import artifacts
from eva.data.responses import read_responses
from eva.metrics.score_writer import write_inapplicable
from eva.plain_text import read_text
from eva.settings.evaluate_section import Evaluate
from pipelines.scoring import Sources, write_scored

if TYPE_CHECKING:
    from eva.record import StageRun


def main(
    run: "StageRun",
    evaluate: Evaluate,
    *,
    corpus: str,
    backbone: str,
    seed: int,
    variant: str,
    responses: Path,
    origin: Path,
    levels: Path,
    epitome: Path,
    plugins: Path,
    estimators: Path,
    out: Path,
    metrics: Path,
) -> None:
    """Score the responses of one variant."""
    if not read_text(responses):
        write_inapplicable(out, artifacts.read_json(origin))
        artifacts.write_json(metrics, {})
        return
    write_scored(
        run,
        read_responses(responses, allow_empty=True),
        evaluate,
        Sources(levels, epitome, metrics=plugins, estimators=estimators),
        {"variant": variant, **artifacts.read_json(origin)},
        out,
        metrics,
    )
