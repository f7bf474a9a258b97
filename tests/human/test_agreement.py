"""Fleiss' kappa and Krippendorff's alpha."""

from itertools import combinations

import numpy as np
import pytest

from eva.human.agreement import alpha_by_dialogue, kappa_by_dialogue

# 10 subjects, 14 raters, 5 categories: the worked example in wide use, kappa .210 (P .378, P_e .213).
WORKED = np.array(
    [
        [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
    ]
)  # fmt: skip


# 12 units, 4 observers, 5 values, 7 of 48 ratings missing: Krippendorff's own example of nominal data
# (2011, "Computing Krippendorff's Alpha-Reliability", section C), alpha .743. One unit has one rating.
KRIPPENDORFF = [
    [1, 1, 1], [2, 2, 3, 2], [3, 3, 3, 3], [3, 3, 3, 3], [2, 2, 2, 2], [1, 2, 3, 4],
    [4, 4, 4, 4], [1, 1, 2, 1], [2, 2, 2, 2], [5, 5, 5], [1, 1], [3],
]  # fmt: skip


def counts_of(ratings: list[list[int]], categories: int) -> np.ndarray:
    return np.array([[item.count(one) for one in range(1, categories + 1)] for item in ratings])


def by_pairs(ratings: list[list[int]]) -> float:
    """From the definition: agreeing pairs of raters, against pairs of ratings drawn at random."""
    agreeing = [a == b for item in ratings for a, b in combinations(item, 2)]
    everything = np.array([rating for item in ratings for rating in item])
    chance = np.mean(everything[:, None] == everything[None, :])
    return float((np.mean(agreeing) - chance) / (1 - chance))


def fleiss_kappa(counts: np.ndarray) -> float:
    return kappa_by_dialogue(counts, np.zeros(len(counts), dtype=np.int64)).value


def alpha(counts: np.ndarray) -> float:
    return alpha_by_dialogue(counts, np.zeros(len(counts), dtype=np.int64)).value


def test_krippendorffs_example() -> None:
    counts = counts_of(KRIPPENDORFF, 5)
    assert counts.sum() == 41
    assert alpha(counts) == pytest.approx(0.743, abs=5e-4)
    assert alpha_by_dialogue(counts, np.zeros(12, dtype=np.int64)).n == 40  # the single rating is in no pair


@pytest.mark.parametrize("seed", range(3))
def test_alpha_by_counting_pairs(seed: int) -> None:
    """From the definition: unlike pairs within items, weighed by 1 / (raters - 1), against all pairs."""
    generator = np.random.default_rng(seed)
    ratings = [generator.integers(1, 4, size=generator.integers(2, 6)).tolist() for _ in range(15)]
    everything = [one for item in ratings for one in item]
    n = len(everything)
    observed = sum(sum(a != b for a in item for b in item) / (len(item) - 1) for item in ratings) / n
    expected = sum(a != b for a in everything for b in everything) / (n * (n - 1))
    assert alpha(counts_of(ratings, 3)) == pytest.approx(1 - observed / expected, abs=1e-12)


def test_unequal_numbers_of_raters() -> None:
    """P is the mean of 1, 1/3 and 0, the shares are 5/8 and 3/8; an item with one rating is left out."""
    counts = np.array([[3, 0], [1, 2], [1, 1], [0, 1]])
    chance = (5 / 8) ** 2 + (3 / 8) ** 2
    assert fleiss_kappa(counts) == pytest.approx((4 / 9 - chance) / (1 - chance))


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
    assert np.isnan(alpha(np.array(counts)))


def test_leaving_out_a_dialogue_is_leaving_out_its_items() -> None:
    dialogue_of = np.array([0, 0, 0, 1, 1, 2, 2, 2, 3, 3])
    for statistic, plain in ((kappa_by_dialogue, fleiss_kappa), (alpha_by_dialogue, alpha)):
        for dialogue, value in enumerate(statistic(WORKED, dialogue_of).without):
            assert value == pytest.approx(plain(WORKED[dialogue_of != dialogue]))
