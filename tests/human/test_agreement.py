"""Fleiss' kappa."""

from itertools import combinations

import numpy as np
import pytest

from eva.human.agreement import kappa_by_dialogue

# 10 subjects, 14 raters, 5 categories: the worked example in wide use, kappa .210 (P .378, P_e .213).
WORKED = np.array(
    [
        [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
    ]
)  # fmt: skip


def by_pairs(ratings: list[list[int]]) -> float:
    """From the definition: agreeing pairs of raters, against pairs of ratings drawn at random."""
    agreeing = [a == b for item in ratings for a, b in combinations(item, 2)]
    everything = np.array([rating for item in ratings for rating in item])
    chance = np.mean(everything[:, None] == everything[None, :])
    return float((np.mean(agreeing) - chance) / (1 - chance))


def fleiss_kappa(counts: np.ndarray) -> float:
    return kappa_by_dialogue(counts, np.zeros(len(counts), dtype=np.int64)).value


def test_the_worked_example() -> None:
    assert fleiss_kappa(WORKED) == pytest.approx(0.20993, abs=5e-6)


def test_by_hand() -> None:
    """Two items, two raters: one agreement. P = 1/2, shares 3/4 and 1/4, P_e = 10/16, kappa = -1/3."""
    assert fleiss_kappa(np.array([[2, 0], [1, 1]])) == pytest.approx(-1 / 3)


@pytest.mark.parametrize("seed", range(5))
def test_equal_to_counting_pairs(seed: int) -> None:
    ratings = np.random.default_rng(seed).integers(0, 3, size=(17, 4))
    counts = np.stack([(ratings == label).sum(axis=1) for label in range(3)], axis=1)
    assert fleiss_kappa(counts) == pytest.approx(by_pairs(ratings.tolist()), abs=1e-12)


def test_perfect_agreement_and_systematic_disagreement() -> None:
    assert fleiss_kappa(np.array([[3, 0], [0, 3]])) == 1
    assert fleiss_kappa(np.array([[1, 1], [1, 1]])) == -1


@pytest.mark.parametrize("counts", [[[3, 0], [3, 0]], [[1, 0], [0, 1]], np.zeros((0, 3), dtype=np.int64)])
def test_undefined(counts: list[list[int]]) -> None:
    """All ratings in one category, one rater, no items."""
    assert np.isnan(fleiss_kappa(np.array(counts)))


def test_leaving_out_a_dialogue_is_leaving_out_its_items() -> None:
    dialogue_of = np.array([0, 0, 0, 1, 1, 2, 2, 2, 3, 3])
    without = kappa_by_dialogue(WORKED, dialogue_of).without
    for dialogue, value in enumerate(without):
        assert value == pytest.approx(fleiss_kappa(WORKED[dialogue_of != dialogue]))
