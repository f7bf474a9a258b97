"""An estimate with all its sources of variance: dialogues, the second sample, training runs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from eva.statistics.estimators import Array, Statistic, influence_of


@dataclass(frozen=True)
class Part:
    """A source of variance in addition to the dialogues.

    Its `variance` is its share of the estimate's variance: `raw`, estimated with `degrees` of freedom (None:
    treated as known), minus the part that the dialogues' variance already contains (`shared`).
    """

    raw: float
    degrees: int | None = None
    shared: float = 0.0

    @property
    def variance(self) -> float:
        return max(0.0, self.raw - self.shared)

    def draw(self, rng: np.random.Generator, size: int) -> Array:
        """Random deviations of the estimate (size,), including the uncertainty of the variance itself."""
        deviates = rng.standard_normal(size)
        if self.degrees is None:
            return np.asarray(deviates * np.sqrt(self.variance))
        raw = self.raw * self.degrees / rng.chisquare(self.degrees, size)
        moved: Array = deviates * np.sqrt(np.maximum(raw - self.shared, 0.0))
        return moved


@dataclass(frozen=True, eq=False)
class Estimate:
    """A value and its spread; `influence` (dialogues,) is each dialogue's effect on it, with mean 0."""

    value: float
    influence: Array
    others: tuple[Part, ...] = field(default=())

    @cached_property
    def dialogue_error(self) -> float:
        """The standard error from dialogues alone."""
        n = len(self.influence)
        return float(np.sqrt((self.influence**2).sum() / (n * (n - 1)))) if n > 1 else float("nan")

    @cached_property
    def standard_error(self) -> float:
        """Square root of the sum of the variances of all sources."""
        return float(np.sqrt(self.dialogue_error**2 + sum(part.variance for part in self.others)))


def estimate(runs: Sequence[Statistic]) -> Estimate:
    """The mean over training runs (the paper averages three, Appendix G), each on the same dialogues."""
    own = np.stack([influence_of(run.without) for run in runs])
    values = np.array([run.value for run in runs])
    return Estimate(
        float(values.mean()), own.mean(axis=0), (*_second(_reference(runs)), *_of_runs(values, own))
    )


def difference(
    ours: Sequence[Statistic], theirs: Sequence[Statistic], *, same_seeds: bool = True
) -> Estimate:
    """First system's mean over its runs minus the second's, paired by dialogue.

    Runs are paired if both systems have the `same_seeds` (runs of one seed share data order and start).
    """
    left, right = estimate(ours), estimate(theirs)
    gaps = (_reference(ours), _reference(theirs))
    # Both are measured against the same V, so its error enters the difference once, not twice.
    shared = gaps[0] - gaps[1] if len(gaps[0]) == len(gaps[1]) else np.concatenate(gaps)
    return Estimate(
        left.value - right.value,
        left.influence - right.influence,
        (*_second(shared), *_runs_of_both(ours, theirs, same_seeds)),
    )


def _runs_of_both(
    ours: Sequence[Statistic], theirs: Sequence[Statistic], same_seeds: bool
) -> tuple[Part, ...]:
    sides = [(np.array([r.value for r in runs]), np.stack([influence_of(r.without) for r in runs]))
             for runs in (ours, theirs)]  # fmt: skip
    (left, ours_moved), (right, theirs_moved) = sides
    if same_seeds and len(left) == len(right):
        return _of_runs(left - right, ours_moved - theirs_moved)
    return (*_of_runs(left, ours_moved), *_of_runs(right, theirs_moved))


def _of_runs(values: Array, influence: Array) -> tuple[Part, ...]:
    """Variance that training runs add: that of their values (runs,), minus the part explained by dialogues.

    Runs differ on the same dialogues even if training makes no difference, because each run generates new
    responses; the dialogues' variance already contains that part (`influence`, runs x dialogues, minus mean).
    """
    runs, n = influence.shape
    if runs < 2 or n < 2:
        return ()
    apart = ((influence - influence.mean(axis=0)) ** 2).sum()
    shared = float(apart) / ((runs - 1) * (n - 1) * runs * n)
    raw = float(values.var(ddof=1)) / runs
    return (Part(raw, runs - 1, shared),)


def _reference(runs: Sequence[Statistic]) -> Array:
    """Mean influence of each dialogue of the second sample; empty if there is none."""
    if not len(runs[0].second):
        return np.zeros(0)
    moved: Array = np.mean([influence_of(run.without_second) for run in runs], axis=0)
    return moved


def _second(influence: Array) -> tuple[Part, ...]:
    n = len(influence)
    return (Part(float((influence**2).sum()) / (n * (n - 1))),) if n > 1 else ()
