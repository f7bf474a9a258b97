"""Stage `people`: the metrics of what the human supporters said, for a row of their own in the report."""

from pathlib import Path
from typing import TYPE_CHECKING

from eva.data.dialogue import subset, supporter_turns
from eva.data.prepare import read_split
from eva.data.responses import Response
from eva.metrics.needs import REFERENCES
from eva.settings.evaluate_section import Evaluate
from eva.settings.generate_section import Generate
from pipelines.scoring import Sources, write_scored

if TYPE_CHECKING:
    from eva.record import StageRun


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
    dialogues = subset(read_split(prepared, "test"), generate.max_dialogues)
    write_scored(
        run,
        [Response.at(turn, turn.gold.content) for turn in supporter_turns(dialogues)],
        evaluate,
        Sources(levels, epitome, metrics=plugins, estimators=estimators),
        {"author": f"people, {corpus}"},
        out,
        metrics,
        without=REFERENCES,
    )
