"""How much of the timing of levels a classifier owes to the context."""

from collections.abc import Sequence

import numpy as np
import pytest

from eva.scorers.encoding import Text
from eva.scorers.level_examples import LevelExample
from eva.scorers.level_timing import timing, unevenness
from eva.scorers.scorecard import Labels

# Two hundred dialogues of four turns; context and response both say which level is due.
ROWS = [
    LevelExample(f"d{i // 4}", (f"c{i % 4 + 1}", f"r{i % 4 + 1}"), i % 4 + 1, i % 4 + 1, 4)
    for i in range(800)
]


def _by(part: int) -> object:
    def label(texts: Sequence[Text]) -> Labels:
        return np.array([int(text[part][1:]) for text in texts])

    return label


def test_by_hand() -> None:
    quartiles = np.array([1, 1, 2, 2, 3, 3, 4, 4])
    # Level 1 is all in quartile 1 (gaps .75, .25, .25, .25), level 2 is spread as all turns are.
    levels = np.array([1, 2, 0, 2, 0, 2, 0, 2])
    assert unevenness(levels, quartiles) == pytest.approx((0.75**2 + 3 * 0.25**2) / 8)
    assert unevenness(np.zeros(8, dtype=int), quartiles) == 0


def test_a_classifier_of_responses_has_its_timing_from_them() -> None:
    found = timing(_by(1), ROWS, 0)  # type: ignore[arg-type]
    assert found.own == pytest.approx((0.75**2 + 3 * 0.25**2) / 4)
    assert found.from_context < 0.01
    assert found.swapped < 0.05 * found.own


def test_a_classifier_of_contexts_is_caught() -> None:
    found = timing(_by(0), ROWS, 0)  # type: ignore[arg-type]
    assert found.swapped == found.own
    assert found.from_context == pytest.approx(1)
