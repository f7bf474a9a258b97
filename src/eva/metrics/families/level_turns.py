"""Shares of the levels at the first and the last supporter turn, for dialogues too short for EVAEval.

A dialogue of one or two supporter turns, as in EmpatheticDialogues, has no quartiles, and EVAEval against a
reference of long dialogues would be large even for human responses. The level of each turn can still be
measured; the paper reports only levels 1 and 2 on such dialogues (Appendix I.2).
"""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eva.data.dialogue import LEVELS
from eva.metrics.catalogue import detail, metric
from eva.metrics.sample import Sample
from eva.statistics.estimators import Statistic

_TOLD = 8  # number of first turns whose counts are in the JSON
_PLACES = {"first": "the first", "last": "the last"}
_TEXT = (
    "Levels by the level classifier (its own tokeniser; most probable class, no smoothing). A dialogue of "
    "one supporter turn has it as its first and as its last. Neither direction is better as such: hold it "
    "against what people get on the same turns"
)


def _at(sample: Sample, place: str) -> NDArray[np.bool_]:
    return np.array([row.turn == (1 if place == "first" else row.n_turns) for row in sample.rows])


def share_at(sample: Sample, level: int, place: str) -> Statistic:
    """Percent of the responses at `place` (`first`, `last`) of their dialogue that have the level."""
    hits = 100.0 * (sample.labelled("level") == level)
    return sample.mean(hits, counted=_at(sample, place).astype(np.float64))


for _place, _words in _PLACES.items():
    for _level in LEVELS:
        metric(
            f"level_turns/{_place}_{_level}",
            family="level_turns",
            table=None,
            unit="percent",
            decimals=1,
            bounds=(0, 100),
            higher_is_better=None,
            needs=("level",),
            definition=f"Share of level {_level} in the responses at {_words} supporter turn. {_TEXT}.",
        )(partial(share_at, level=_level, place=_place))


@detail("level_turns")
def shares_by_turn(sample: Sample, _: int) -> dict[str, Any]:
    """Counts of the levels (0: none) at each of the first turns of the dialogues."""
    turns, levels = np.array([row.turn for row in sample.rows]), sample.labelled("level")
    return {
        str(turn): {str(level): int(((turns == turn) & (levels == level)).sum()) for level in (0, *LEVELS)}
        for turn in range(1, _TOLD + 1)
        if (turns == turn).any()
    }
