"""Stage `people`: the metrics of what the human supporters said, for a row of their own in the report."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from eva import artifacts
from eva.data.dialogue import subset, supporter_turns
from eva.data.prepare import read_split
from eva.data.responses import Response
from eva.metrics.needs import REFERENCES
from eva.metrics.score import score
from eva.metrics.score_writer import write_scores
from eva.metrics.selection import select
from eva.plugins import load_plugins
from eva.scorers.trained import Scorers
from eva.settings.evaluate_section import Evaluate
from eva.settings.generate_section import Generate

if TYPE_CHECKING:
    from eva.record import StageRun

log = logging.getLogger("eva")


def main(
    run: "StageRun",
    evaluate: Evaluate,
    generate: Generate,
    *,
    corpus: str,
    prepared: Path,
    levels: Path,
    epitome: Path,
    plugins: Path,
    estimators: Path,
    out: Path,
    metrics: Path,
) -> None:
    """Score the human turns that the systems' responses are compared with, by the same scorers.

    Metrics that compare a response with the human turn are left out: against themselves people are perfect.
    """
    loaded = {**load_plugins(estimators), **load_plugins(plugins)}
    dialogues = subset(read_split(prepared, "test"), generate.max_dialogues)
    rows = [Response.at(turn, turn.gold.content) for turn in supporter_turns(dialogues)]
    scorers = Scorers(levels, epitome, evaluate.precision)
    result = score(
        rows,
        [metric.name for metric in select(evaluate.metrics) if REFERENCES not in metric.needs],
        settings=evaluate,
        scorers=scorers,
        reference=scorers.reference(),
        provenance={
            "author": f"people, {corpus}",
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
