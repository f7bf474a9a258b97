import numpy as np
import pytest
from scipy.stats import binom, binomtest

from eva.statistics.proportions import clopper_pearson, korn_graubard


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


@pytest.mark.parametrize(
    ("groups", "size", "alike"), [(12, 5, 0.0), (12, 5, 0.3), (40, 3, 0.3), (20, 6, 0.8)]
)
@pytest.mark.parametrize("share", [0.3, 0.5, 0.8])
def test_trials_in_clusters_are_covered_too(groups: int, size: int, alike: float, share: float) -> None:
    """Simulated: in a cluster each trial repeats the cluster's own with a probability that gives `alike`."""
    random, covered, runs = np.random.default_rng(3), 0, 1200
    clusters = np.repeat(np.arange(groups), size)
    for _ in range(runs):
        own = np.repeat(random.random(groups) < share, size)
        free = random.random(groups * size) < share
        values = np.where(random.random(groups * size) < alike**0.5, own, free)
        low, high = korn_graubard(values.tolist(), clusters.tolist(), 0.95)
        covered += low <= share <= high
    assert covered / runs >= 0.95 - 2 * (0.95 * 0.05 / runs) ** 0.5 - 0.005


def test_copies_of_a_trial_are_no_new_trials() -> None:
    values = [1.0, 0.0, 1.0, 1.0, 0.0, 1.0]
    once = korn_graubard(values, range(6), 0.95)
    copied = korn_graubard(values * 4, [*range(6)] * 4, 0.95)
    assert copied[0] <= once[0] and copied[1] >= once[1]


def test_independent_trials_of_one_each_get_the_exact_interval() -> None:
    assert np.allclose(
        korn_graubard([1.0] * 7 + [0.0] * 3, range(10), 0.95), clopper_pearson(7, 10, 0.95), atol=0.03
    )


def test_one_cluster_tells_nothing() -> None:
    assert korn_graubard([1.0, 0.0, 1.0], ["a", "a", "a"], 0.95) == (0.0, 1.0)
