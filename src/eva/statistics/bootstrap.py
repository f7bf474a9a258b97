"""Resampling whole dialogues, and training seeds, without computing a metric again.

A resample is a vector of how often each dialogue was drawn; all resamples together are one matrix
product with the sums.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from eva.statistics.estimators import Array, Statistic

if TYPE_CHECKING:
    from eva.settings.evaluate_section import Evaluate

Bounds = tuple[float | None, float | None]  # lowest and highest possible value; None: no end
UNBOUNDED: Bounds = (None, None)


@dataclass(frozen=True)
class Resampling:
    """How often and how dialogues are redrawn; equal ones draw equally, which pairs two systems."""

    resamples: int
    confidence: float
    seed: int

    @classmethod
    def of(cls, settings: "Evaluate") -> "Resampling":
        return cls(settings.bootstrap, settings.confidence, settings.seed)

    def dialogues(self, count: int) -> Array:
        """How often each of `count` dialogues is drawn (resamples x dialogues)."""
        return draw_weights(count, self.resamples, self.seed)

    def seeds(self, count: int, resamples: int) -> Array:
        """How often each of `count` training seeds is drawn (resamples x seeds)."""
        return draw_seeds(np.random.default_rng(self.seed + 1), count, resamples)


def draw_weights(n_dialogues: int, resamples: int, seed: int) -> Array:
    """How often each dialogue is drawn (resamples x dialogues); equal arguments draw equally."""
    if n_dialogues < 1 or resamples < 1:
        return np.zeros((0, n_dialogues))
    shares = np.full(n_dialogues, 1 / n_dialogues)
    draws = np.random.default_rng(seed).multinomial(n_dialogues, shares, size=resamples)
    return draws.astype(np.float64)


def draw_seeds(rng: np.random.Generator, count: int, resamples: int) -> Array:
    """How often each training seed is drawn (resamples x seeds)."""
    return rng.multinomial(count, np.full(count, 1 / count), size=resamples).astype(np.float64)


def interval(
    value: float, replicates: Array, confidence: float, bounds: Bounds = UNBOUNDED
) -> tuple[float, float] | None:
    """Percentile interval, widened to hold the value itself, within the bounds of what is possible.

    Squared distances grow under resampling, so that the value can lie below every percentile. Resamples
    in which nothing is defined (NaN) are left out; None without any other.
    """
    defined = replicates[~np.isnan(replicates)]
    if not len(defined):
        return None
    low, high = np.quantile(defined, [(1 - confidence) / 2, (1 + confidence) / 2])
    return _within(min(float(low), value), bounds), _within(max(float(high), value), bounds)


def _within(value: float, bounds: Bounds) -> float:
    low, high = bounds
    value = value if low is None else max(float(low), value)
    return value if high is None else min(float(high), value)


def mean_over_seeds(statistics: Sequence[Statistic]) -> float:
    """Mean of the values of several training seeds (the paper averages three runs, Appendix G)."""
    return float(np.mean([statistic.value for statistic in statistics]))


def replicates_over_seeds(statistics: Sequence[Statistic], weights: Array, seeds: Array) -> Array:
    """Resampled seed means: `seeds` (resamples x seeds) says how often each seed was drawn."""
    values = np.stack([statistic.replicates(weights) for statistic in statistics], axis=1)
    weighted: Array = (values * seeds).sum(axis=1) / seeds.sum(axis=1)
    return weighted


def mean_interval(
    statistics: Sequence[Statistic], resampling: Resampling, bounds: Bounds = UNBOUNDED
) -> tuple[float, float] | None:
    """Interval of the mean over training seeds, for which dialogues and seeds are drawn.

    None without resamples, with fewer than two dialogues, or where the mean is not defined.
    """
    n_dialogues, value = len(statistics[0].sums), mean_over_seeds(statistics)
    weights = resampling.dialogues(n_dialogues)
    if n_dialogues < 2 or not len(weights) or np.isnan(value):
        return None
    if len(statistics) == 1:
        replicates = statistics[0].replicates(weights)
    else:
        seeds = resampling.seeds(len(statistics), len(weights))
        replicates = replicates_over_seeds(statistics, weights, seeds)
    return interval(value, replicates, resampling.confidence, bounds)
