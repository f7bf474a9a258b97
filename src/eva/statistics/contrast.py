"""Two systems on the same dialogues: the difference of one statistic, and what resampling says of it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eva.statistics.bootstrap import (
    UNBOUNDED,
    Bounds,
    Resampling,
    draw_seeds,
    interval,
    mean_over_seeds,
    replicates_over_seeds,
)
from eva.statistics.estimators import Array, Statistic


@dataclass(frozen=True)
class Contrast:
    """First system less the second, paired by dialogue, each averaged over its training seeds.

    `effect_size` is the difference over the standard deviation of one dialogue's contribution to it
    (for a mean over dialogues: Cohen's d of paired samples). `within_noise`: the interval holds 0, or
    there are too few dialogues to tell (see `resolution`); None without an interval.
    """

    ours: float
    theirs: float
    difference: float
    ci: tuple[float, float] | None
    p_value: float | None
    effect_size: float | None
    within_noise: bool | None


def contrast(
    ours: Sequence[Statistic],
    theirs: Sequence[Statistic],
    resampling: Resampling,
    *,
    same_seeds: bool = True,
    bounds: Bounds = UNBOUNDED,
) -> Contrast:
    """Paired bootstrap; one statistic a training seed, all on the same dialogues.

    A resample draws dialogues, the same for both systems, and seeds: together where both systems have
    the `same_seeds` (runs of one seed share data order and start), apart where they have not or are not
    as many. With one seed each, the interval covers the dialogues only.
    """
    values = mean_over_seeds(ours), mean_over_seeds(theirs)
    gap, n_dialogues = values[0] - values[1], len(ours[0].sums)
    replicates = _replicates(ours, theirs, resampling, same_seeds)
    replicates = replicates[~np.isnan(replicates)]
    ci = None
    if not math.isnan(gap):
        ci = interval(gap, replicates, resampling.confidence, _of_differences(bounds))
    too_few = resolution(n_dialogues) > 1 - resampling.confidence
    return Contrast(
        ours=values[0],
        theirs=values[1],
        difference=gap,
        ci=ci,
        p_value=None if ci is None else p_value(replicates, resolution(n_dialogues)),
        effect_size=None if ci is None else effect_size(gap, replicates, n_dialogues),
        within_noise=None if ci is None else too_few or ci[0] <= 0 <= ci[1],
    )


def _replicates(
    ours: Sequence[Statistic], theirs: Sequence[Statistic], resampling: Resampling, same_seeds: bool
) -> Array:
    n_dialogues = len(ours[0].sums)
    weights = resampling.dialogues(n_dialogues)
    if n_dialogues < 2 or not len(weights):
        return np.zeros(0)
    rng = np.random.default_rng(resampling.seed + 1)
    left = right = draw_seeds(rng, len(ours), len(weights))
    if not same_seeds or len(ours) != len(theirs):
        right = draw_seeds(rng, len(theirs), len(weights))
    return replicates_over_seeds(ours, weights, left) - replicates_over_seeds(theirs, weights, right)


def _of_differences(bounds: Bounds) -> Bounds:
    low, high = bounds
    return (None, None) if low is None or high is None else (low - high, high - low)


def resolution(n_dialogues: int) -> float:
    """The smallest p that so few dialogues can support: chance that all differ in one direction.

    A bootstrap of two or three dialogues knows nothing of the others and would call anything certain.
    """
    return float(2.0 ** (1 - n_dialogues))


def p_value(replicates: Array, smallest: float = 0.0) -> float | None:
    """Two-sided: twice the smaller share of resampled differences at or beyond 0, at least `smallest`."""
    if not len(replicates):
        return None
    beyond = min((replicates <= 0).sum(), (replicates >= 0).sum())
    return min(1.0, max(smallest, float(2 * (1 + beyond) / (1 + len(replicates)))))


def effect_size(gap: float, replicates: Array, n_dialogues: int) -> float | None:
    """Difference in standard deviations of one dialogue's contribution; None where that is 0."""
    spread = float(replicates.std()) if len(replicates) else 0.0
    return gap / (spread * math.sqrt(n_dialogues)) if spread > 1e-12 else None
