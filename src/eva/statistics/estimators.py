"""From sums over dialogues to a value: means, ratios of sums, distances of histograms.

Turns of one dialogue depend on each other, so the bootstrap and the jackknife resample and leave out whole
dialogues. A metric returns the contribution of each dialogue and an estimator, which computes the value from
the totals. Both can be stored, so that intervals and comparisons can be computed later without the texts.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from eva.errors import InputError

Array = NDArray[np.float64]
# From totals (m x k) and the statistic's constants (c, or m x c) to m values; NaN if a value is undefined.
Function = Callable[[Array, Array], Array]


@dataclass(frozen=True)
class Estimator:
    """A named function of totals; files store the name."""

    name: str
    function: Function


_KNOWN: dict[str, Estimator] = {}


def estimator(name: str) -> Callable[[Function], Estimator]:
    """Register the decorated function as estimator `name`; ValueError if the name is already registered."""

    def register(function: Function) -> Estimator:
        if name in _KNOWN:
            raise ValueError(f"estimator {name!r} is already {_KNOWN[name].function}")
        _KNOWN[name] = Estimator(name, function)
        return _KNOWN[name]

    return register


def named(name: str) -> Estimator:
    """The estimator with that name; `InputError` if no imported module registered one."""
    if name not in _KNOWN:
        raise InputError(
            f"estimator {name!r} is in no imported module; put the one that has it into the folder "
            f"`plugins.estimators`. Known: {', '.join(sorted(_KNOWN))}."
        )
    return _KNOWN[name]


@estimator("ratio")
def ratio(totals: Array, _: Array) -> Array:
    """First column divided by the second (m x 2 -> m): a mean, or a share."""
    undefined = np.full(len(totals), np.nan)
    shares: Array = np.divide(totals[:, 0], totals[:, 1], out=undefined, where=totals[:, 1] > 0)
    return shares


@estimator("linearised")
def linear(totals: Array, value: Array) -> Array:
    """The full sample's value (1,) plus the mean influence of the resampled dialogues (m x 2 -> m)."""
    moved: Array = value[..., 0] + totals[:, 0] / np.maximum(totals[:, 1], 1)
    return moved


@dataclass(frozen=True, eq=False)
class Statistic:
    """A value computed by an estimator from the totals of `sums` (dialogues x k).

    `n` is the number of items (mostly responses) behind the value, `support` the smallest number behind a
    part of it: for a mean over four levels, the count of the rarest level. `constant` (c,) holds further
    arguments of the estimator. If these are totals of a second, independent sample (EVAEval's V), `second`
    (dialogues of that sample x c) holds that sample, and intervals include its sampling error. `corrected`
    subtracts the jackknife's estimate of the bias, over the dialogues of both samples.
    """

    sums: Array
    n: int
    estimator: Estimator = ratio
    constant: Array = field(default_factory=lambda: np.zeros(0))
    support: int = -1
    second: Array = field(default_factory=lambda: np.zeros((0, 0)))
    corrected: bool = False

    def __post_init__(self) -> None:
        if self.support < 0:
            object.__setattr__(self, "support", self.n)
        if len(self.second):
            object.__setattr__(self, "constant", self.second.sum(axis=0))

    @property
    def value(self) -> float:
        """The value on all dialogues; NaN if it is undefined."""
        return self.plug_in - self.bias if self.corrected else self.plug_in

    @cached_property
    def plug_in(self) -> float:
        """The estimator applied to the totals, without bias correction."""
        return float(self.of(self._totals[None], self.constant)[0])

    @cached_property
    def bias(self) -> float:
        """The jackknife's estimate of the plug-in's bias (Quenouille 1956), of both samples together."""
        samples = [self.without] + ([self.without_second] if len(self.second) else [])
        return float(sum((len(left) - 1) * (left.mean() - self.plug_in) for left in samples))

    @cached_property
    def without(self) -> Array:
        """The plug-in with each dialogue left out (dialogues,)."""
        return self.of(self._totals - self.sums, self.constant)

    @cached_property
    def without_second(self) -> Array:
        """The plug-in with each dialogue of the second sample left out."""
        totals = np.broadcast_to(self._totals, (len(self.second), len(self._totals)))
        return self.of(totals, self.constant - self.second)

    @property
    def by_dialogue(self) -> Array | None:
        """The value of each dialogue alone; None if the value is undefined for one dialogue."""
        if self.corrected or self.estimator is linear:
            return None
        return self.of(self.sums, self.constant)

    def of(self, totals: Array, constants: Array) -> Array:
        """The estimator's values for any totals (m x k -> m) with constants (c,) or (m x c)."""
        return self.estimator.function(totals, constants)

    @cached_property
    def _totals(self) -> Array:
        totals: Array = self.sums.sum(axis=0)
        return totals


def linearised(value: float, without: Array, n: int) -> Statistic:
    """A value that is not a function of sums (such as distinct n-grams), linearised by the jackknife.

    `without` (dialogues,) holds the value with each dialogue left out. The value of a resample is the full
    sample's value plus the mean influence of the resampled dialogues.
    """
    sums = np.stack([influence_of(without), np.ones(len(without))], axis=1)
    return Statistic(sums, n, linear, np.array([value]))


def influence_of(without: Array) -> Array:
    """Each dialogue's influence on a value, from the values without it (n,): pseudo-values minus mean."""
    moved: Array = (len(without) - 1) * (without.mean() - without)
    return moved
