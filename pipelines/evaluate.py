"""Stage `evaluate`: every metric of one variant, with counts and intervals."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from eva import artifacts
from eva.data.responses import read_responses
from eva.metrics.score import score
from eva.metrics.slices import slice_scores
from eva.plain_text import read_text
from eva.scorers.trained import Scorers
from eva.settings.evaluate_section import Evaluate

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
    out: Path,
    metrics: Path,
) -> None:
    """Score one variant's responses."""
    if not read_text(responses):
        nothing: dict[str, Any] = {"metrics": {}, "details": {}, "labels": [], "slices": []}
        artifacts.write_json(out, {**nothing, "provenance": artifacts.read_json(origin)})
        artifacts.write_json(metrics, {})
        return
    rows = read_responses(responses, allow_empty=True)
    scorers = Scorers(levels, epitome, evaluate.precision)
    result = score(
        rows,
        evaluate.metrics,
        settings=evaluate,
        scorers=scorers,
        reference=scorers.reference(),
        provenance={"variant": variant, **artifacts.read_json(origin), **scorers.provenance()},
    )
    values = {name: metric.value for name, metric in result.metrics.items()}
    slices = [one.to_dict() for one in slice_scores(result, settings=evaluate)]
    artifacts.write_json(out, {**result.to_dict(), "labels": result.labels, "slices": slices})
    artifacts.write_json(metrics, values)
    run.log_metrics(values)
