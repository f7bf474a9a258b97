"""Uncertainty by resampling whole dialogues, without computing a metric again.

Turns of one dialogue depend on each other, so that the dialogue is the unit that is drawn. A
metric hands over what each dialogue contributes; a resample is then a vector of how often each
dialogue was drawn, and all resamples together are one matrix product.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Combine = Callable[[Array], Array]


class Statistic(Protocol):
    """A metric's value and its value under any weighting of the dialogues."""

    @property
    def n(self) -> int:
        """How many items (mostly responses) the value rests on."""

    @property
    def value(self) -> float:
        """The value on the sample as it is."""

    def replicates(self, weights: Array) -> Array:
        """Values under `weights` (resamples x dialogues): one a resample."""


def ratio(totals: Array) -> Array:
    """First column over second (m x 2 -> m); 0 where the second is 0."""
    return np.divide(totals[:, 0], totals[:, 1], out=np.zeros(len(totals)), where=totals[:, 1] > 0)


@dataclass(frozen=True)
class Additive:
    """A function of sums over dialogues: a mean, a ratio of sums, a distance of histograms.

    `sums` is dialogues x k; `combine` makes m values of m x k totals.
    """

    sums: Array
    n: int
    combine: Combine = ratio

    @property
    def value(self) -> float:
        return float(self.combine(self.sums.sum(axis=0, keepdims=True))[0])

    def replicates(self, weights: Array) -> Array:
        return self.combine(weights @ self.sums)


@dataclass(frozen=True)
class LeftOut:
    """A value that is no function of sums (distinct n-grams), linearised by leaving dialogues out.

    A resample that holds a dialogue twice has no new n-grams, so that a plain bootstrap of a
    distinct count is biased. `without` (dialogues,) holds the value with each dialogue left out;
    the resampled value is the whole plus the mean influence of the dialogues drawn.
    """

    value: float
    without: Array
    n: int

    def replicates(self, weights: Array) -> Array:
        size = len(self.without)
        influence = (size - 1) * (self.without.mean() - self.without)
        moved: Array = self.value + weights @ influence / size
        return moved


def draw_weights(n_dialogues: int, resamples: int, seed: int) -> Array:
    """How often each dialogue is drawn (resamples x dialogues); equal arguments draw equally.

    Two systems on the same dialogues therefore get the same draws, which pairs them.
    """
    if n_dialogues < 1 or resamples < 1:
        return np.zeros((0, n_dialogues))
    shares = np.full(n_dialogues, 1 / n_dialogues)
    draws = np.random.default_rng(seed).multinomial(n_dialogues, shares, size=resamples)
    return draws.astype(np.float64)


def interval(value: float, replicates: Array, confidence: float) -> tuple[float, float] | None:
    """Percentile interval, widened to hold the value itself.

    Squared distances grow under resampling, so that the value can lie below every percentile.
    None without resamples.
    """
    if not len(replicates):
        return None
    low, high = np.quantile(replicates, [(1 - confidence) / 2, (1 + confidence) / 2])
    return min(float(low), value), max(float(high), value)


def statistic_interval(statistic: Statistic, weights: Array, confidence: float) -> tuple[float, float] | None:
    """Interval of one statistic; None without resamples or with fewer than two dialogues."""
    if weights.shape[1] < 2:
        return None
    return interval(statistic.value, statistic.replicates(weights), confidence)


def mean_over_seeds(statistics: Sequence[Statistic]) -> float:
    """Mean of the values of several training seeds (the paper averages three runs, Appendix G)."""
    return float(np.mean([statistic.value for statistic in statistics]))


def replicates_over_seeds(statistics: Sequence[Statistic], weights: Array, seeds: Array) -> Array:
    """Resampled seed means: `seeds` (resamples x seeds) says how often each seed was drawn."""
    values = np.stack([statistic.replicates(weights) for statistic in statistics], axis=1)
    weighted: Array = (values * seeds).sum(axis=1) / seeds.sum(axis=1)
    return weighted
