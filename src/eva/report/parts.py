"""The comparison on parts of the test set: problem type, emotion, quartile, length of the dialogue."""

from dataclasses import dataclass, replace
from itertools import groupby

from eva.metrics.measured import Measured
from eva.report.comparison import Group, against_baseline, group
from eva.report.runs import Runs

AXIS_NAMES = {
    "problem_type": "problem type",
    "emotion": "emotion",
    "quartile": "quartile of the dialogue",
    "dialogue_turns": "length of the dialogue in supporter turns",
}


@dataclass(frozen=True)
class Part:
    """The variants on one part of one axis, compared in the same way as on all dialogues."""

    axis: str
    part: str
    group: Group


def parts(runs: Runs, baseline: str) -> list[Part]:
    """All parts that every run has, axes in the order of `AXIS_NAMES`; each axis is a family of tests."""
    measured = {
        variant: [{(one.axis, one.part): one.measured for one in scores.parts} for scores in found]
        for variant, found in runs.scores.items()
    }
    every = [one for found in measured.values() for one in found]
    if not every:
        return []
    known = list(AXIS_NAMES)
    places = [place for place in every[0] if all(place in one for one in every)]
    places.sort(key=lambda place: (known.index(place[0]) if place[0] in known else len(known), place[0]))
    found = []
    for _, own in groupby(places, key=lambda place: place[0]):
        axis = [(place, _restricted(runs, measured, place)) for place in own]
        judged = against_baseline([one for _, one in axis], baseline)
        found += [
            Part(*place, group(one, baseline, found=differences))
            for (place, one), differences in zip(axis, judged, strict=True)
        ]
    return found


def _restricted(
    runs: Runs, measured: dict[str, list[dict[tuple[str, str], Measured]]], place: tuple[str, str]
) -> Runs:
    results = {variant: [one[place] for one in found] for variant, found in measured.items()}
    return replace(runs, results=results, scores={}, people=None)
