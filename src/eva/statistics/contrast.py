"""Two systems on the same dialogues: the difference of one statistic, with interval and p-value."""

from collections.abc import Sequence
from dataclasses import dataclass

from eva.statistics.bootstrap import UNBOUNDED, Bounds, Resampling, infer
from eva.statistics.estimators import Statistic
from eva.statistics.spread import Estimate, difference, estimate

_SAME = 1e-12  # standard error below which all dialogues have the same difference


@dataclass(frozen=True)
class Contrast:
    """First system minus second, paired by dialogue, each averaged over its training seeds.

    `effect_size` is the difference divided by the standard deviation of one dialogue's contribution to it
    (for a mean over dialogues: Cohen's d of paired samples).
    """

    ours: float
    theirs: float
    difference: float
    ci: tuple[float, float] | None
    p_value: float | None
    effect_size: float | None


def contrast(
    ours: Sequence[Statistic],
    theirs: Sequence[Statistic],
    resampling: Resampling,
    *,
    same_seeds: bool = True,
    bounds: Bounds = UNBOUNDED,
) -> Contrast:
    """Compare two systems, paired by dialogue; one statistic per training seed and side; see `infer`.

    With several seeds, the differences between runs count too. With one seed each, the interval covers the
    dialogues only.
    """
    found = difference(ours, theirs, same_seeds=same_seeds)
    inferred = infer(found, resampling, _of_differences(bounds), difference=True)
    return Contrast(
        ours=estimate(ours).value,
        theirs=estimate(theirs).value,
        difference=found.value,
        ci=inferred.ci,
        p_value=inferred.p_value,
        effect_size=None if inferred.ci is None else effect_size(found),
    )


def effect_size(found: Estimate) -> float | None:
    """The difference in standard deviations of one dialogue's contribution; None if the deviation is 0."""
    spread = float(found.influence.std(ddof=1))
    return found.value / spread if spread > _SAME else None


def _of_differences(bounds: Bounds) -> Bounds:
    low, high = bounds
    return (None, None) if low is None or high is None else (low - high, high - low)
