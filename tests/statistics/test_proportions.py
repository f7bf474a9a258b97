import numpy as np
import pytest
from scipy.stats import binom, binomtest

from eva.statistics.proportions import clopper_pearson


@pytest.mark.parametrize("n", [5, 27, 56, 130])
@pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.7, 0.97])
def test_it_covers_the_true_share_at_least_as_often_as_said(n: int, share: float) -> None:
    """Not simulated but summed: the probability of every outcome whose interval holds the share."""
    covered = 0.0
    for hits in range(n + 1):
        low, high = clopper_pearson(hits, n, 0.95)
        covered += binom.pmf(hits, n, share) if low <= share <= high else 0.0
    assert covered >= 0.95


def test_it_is_the_exact_interval() -> None:
    for hits, n in [(0, 10), (3, 10), (10, 10), (39, 56)]:
        wanted = binomtest(hits, n).proportion_ci(0.95, method="exact")
        assert np.allclose(clopper_pearson(hits, n, 0.95), [wanted.low, wanted.high])


def test_nothing_is_known_without_a_trial() -> None:
    assert clopper_pearson(0, 0, 0.95) == (0.0, 1.0)
