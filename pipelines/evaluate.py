"""Stage `evaluate`: compute every metric of one variant, with counts, intervals and sums per dialogue."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from eva import artifacts
from eva.data.responses import read_responses
from eva.metrics.score import score
from eva.metrics.score_writer import write_inapplicable, write_scores
from eva.plain_text import read_text
from eva.plugins import load_plugins
from eva.scorers.trained import Scorers
from eva.settings.evaluate_section import Evaluate

if TYPE_CHECKING:
    from eva.record import StageRun

log = logging.getLogger("eva")


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
    loaded = {**load_plugins(estimators), **load_plugins(plugins)}
    rows = read_responses(responses, allow_empty=True)
    scorers = Scorers(levels, epitome, evaluate.precision)
    result = score(
        rows,
        evaluate.metrics,
        settings=evaluate,
        scorers=scorers,
        reference=scorers.reference(),
        provenance={
            "variant": variant,
            **artifacts.read_json(origin),
            **scorers.provenance(),
            **({"plugins": loaded} if loaded else {}),
        },
    )
    for note in result.notes:
        log.warning("%s", note)
    write_scores(out, result)
    measured = {name: metric for name, metric in result.metrics.items() if metric.measured}
    values = {name: metric.value for name, metric in measured.items() if metric.value is not None}
    artifacts.write_json(metrics, values)
    run.log_metrics(values)
