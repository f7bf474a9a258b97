"""Measures how much of the timing of predicted levels comes from the context instead of the response.

EVAEval measures at which point of a dialogue a system uses a level. A classifier that guesses the point
from the context (a greeting comes first, thanks come last) gives every system the human timing. To
measure this, the responses of the test turns are exchanged at random while the contexts stay. Labels
that depend on the response alone then show no timing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from eva.data.dialogue import LEVELS
from eva.scorers.encoding import Text
from eva.scorers.level_examples import LevelExample
from eva.scorers.scorecard import Labels

_DRAWS = 200  # random orders of the labels, for `chance`


@dataclass(frozen=True)
class Timing:
    """Squared distance of each level's quartile shares from those of all turns, mean over the 16 cells.

    `own`: responses with their own contexts; `swapped`: responses exchanged at random; `chance`: labels in
    random order. `from_context` = (swapped - chance) / (own - chance) is the share of the timing that comes
    from the context; it is 0 if there is no timing.
    """

    n: int
    own: float
    swapped: float
    chance: float
    from_context: float


def timing(label: Callable[[Sequence[Text]], Labels], rows: Sequence[LevelExample], seed: int) -> Timing:
    """Measure on `rows`, which have positions; `label` returns the levels (0 to 4) of texts."""
    generator = np.random.default_rng(seed)
    quartiles = np.array([row.quartile for row in rows])
    order = generator.permutation(len(rows))
    swapped = label([_with_response(row.text, rows[i].text) for row, i in zip(rows, order, strict=True)])
    own = unevenness(label([row.text for row in rows]), quartiles)
    chance = float(np.mean([unevenness(generator.permutation(swapped), quartiles) for _ in range(_DRAWS)]))
    moved = unevenness(swapped, quartiles)
    share = (moved - chance) / (own - chance) if own > chance else 0.0
    return Timing(len(rows), own, moved, chance, max(0.0, share))


def unevenness(levels: Labels, quartiles: Labels) -> float:
    """Mean squared difference between each level's shares over the quartiles and the shares of all turns."""
    everywhere = _shares(quartiles)
    gaps = [_shares(quartiles[levels == level]) - everywhere for level in LEVELS if (levels == level).any()]
    return float(np.mean(np.square(gaps))) if gaps else 0.0


def _shares(quartiles: Labels) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.bincount(quartiles - 1, minlength=4) / len(quartiles)


def _with_response(text: Text, other: Text) -> Text:
    response = other if isinstance(other, str) else other[1]
    return response if isinstance(text, str) else (text[0], response)
