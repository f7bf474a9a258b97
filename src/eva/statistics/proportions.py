"""Intervals of shares, exact for independent trials, and for trials that come in clusters."""

from collections.abc import Hashable, Sequence

import numpy as np


def clopper_pearson(hits: float, n: float, confidence: float) -> tuple[float, float]:
    """Interval of a share with `hits` of `n` independent trials, with coverage of at least `confidence`.

    Clopper and Pearson 1934: the shares that a binomial test at level 1 - `confidence` does not reject.
    Without a trial it is (0, 1). An effective number of trials need not be whole.
    """
    from scipy.stats import beta

    tail = (1 - confidence) / 2
    low = float(beta.ppf(tail, hits, n - hits + 1)) if hits else 0.0
    high = float(beta.ppf(1 - tail, hits + 1, n - hits)) if hits < n else 1.0
    return low, high


def korn_graubard(
    values: Sequence[float], clusters: Sequence[Hashable], confidence: float
) -> tuple[float, float]:
    """Interval of the mean of values from 0 to 1, of which those of one cluster may be alike.

    Korn and Graubard 1998: the interval of Clopper and Pearson for as many independent trials as carry the
    same information. With fewer than two clusters nothing is known of their differences: (0, 1).
    """
    from scipy.stats import t

    given = np.asarray(values, dtype=np.float64)
    _, place = np.unique(np.array([str(cluster) for cluster in clusters]), return_inverse=True)
    n, groups, mean = len(given), int(place.max(initial=-1)) + 1, float(given.mean()) if len(given) else 0.0
    if groups < 2:
        return 0.0, 1.0
    sums = np.bincount(place, weights=given - mean)
    variance = groups / (groups - 1) * float(np.sum(sums**2)) / n**2
    independent = mean * (1 - mean) / variance if variance > 0 else float(n)
    tail = 1 - (1 - confidence) / 2
    shrunk = min(float(n), independent) * float(t.ppf(tail, n - 1) / t.ppf(tail, groups - 1)) ** 2
    return clopper_pearson(mean * shrunk, shrunk, confidence)
