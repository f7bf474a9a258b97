"""The comparison on parts of the test set: problem type, emotion, quartile, length of the dialogue."""

from dataclasses import dataclass, replace

from eva.metrics.slices import axes_of, parts_of, restrict
from eva.report.comparison import Group, group
from eva.report.runs import Runs

# The length of a response is the system's own doing, so that its parts cannot be paired.
_UNPAIRED = "response_words"
AXIS_NAMES = {
    "problem_type": "problem type",
    "emotion": "emotion",
    "quartile": "quartile of the dialogue",
    "dialogue_turns": "length of the dialogue in supporter turns",
}


@dataclass(frozen=True)
class Part:
    """The variants on one part of one axis, compared like the whole."""

    axis: str
    part: str
    group: Group


def parts(runs: Runs, baseline: str) -> list[Part]:
    """Every part of every axis that all variants share, in the order of `AXIS_NAMES`."""
    first = next((found[0] for found in runs.scored.values()), None)
    if first is None:
        return []
    known = list(AXIS_NAMES)
    axes = sorted(
        (axis for axis in axes_of(first.sample.rows) if axis != _UNPAIRED),
        key=lambda axis: (known.index(axis) if axis in known else len(known), axis),
    )
    return [
        Part(axis, part, group(_restricted(runs, axis, part), baseline))
        for axis in axes
        for part in parts_of(axis, first.sample.rows)
    ]


def _restricted(runs: Runs, axis: str, part: str) -> Runs:
    results = {
        variant: [restrict(one, axis, part) for one in found] for variant, found in runs.results.items()
    }
    return replace(runs, results=results)
