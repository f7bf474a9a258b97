"""From sums over dialogues to a value: means, ratios of sums, distances of histograms.

Turns of one dialogue depend on each other, so the dialogue is what is resampled and left out. A metric hands
over what each dialogue contributes and the estimator that makes a value of their totals. Both can be stored,
so that every interval and comparison follows later without the texts.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from eva.errors import InputError

Array = NDArray[np.float64]
# Totals (m x k) and the statistic's constants (c, or m x c) to m values; NaN where a value is not defined.
Function = Callable[[Array, Array], Array]


@dataclass(frozen=True)
class Estimator:
    """A named function of totals; the name is what is stored."""

    name: str
    function: Function


_KNOWN: dict[str, Estimator] = {}


def estimator(name: str) -> Callable[[Function], Estimator]:
    """Make the decorated function an estimator that stored statistics can name; a name is taken once."""

    def register(function: Function) -> Estimator:
        if name in _KNOWN:
            raise ValueError(f"estimator {name!r} is already {_KNOWN[name].function}")
        _KNOWN[name] = Estimator(name, function)
        return _KNOWN[name]

    return register


def named(name: str) -> Estimator:
    """The estimator of that name; an `InputError` if no imported module has one."""
    if name not in _KNOWN:
        raise InputError(
            f"estimator {name!r} is in no imported module; put the one that has it into the folder "
            f"`plugins.estimators`. Known: {', '.join(sorted(_KNOWN))}."
        )
    return _KNOWN[name]


@estimator("ratio")
def ratio(totals: Array, _: Array) -> Array:
    """First column over second (m x 2 -> m): a mean, or a share."""
    undefined = np.full(len(totals), np.nan)
    shares: Array = np.divide(totals[:, 0], totals[:, 1], out=undefined, where=totals[:, 1] > 0)
    return shares


@estimator("linearised")
def linear(totals: Array, value: Array) -> Array:
    """The value of the whole (1,) moved by the mean influence of the dialogues drawn (m x 2 -> m)."""
    moved: Array = value[..., 0] + totals[:, 0] / np.maximum(totals[:, 1], 1)
    return moved


@dataclass(frozen=True, eq=False)
class Statistic:
    """What an estimator makes of the totals of `sums` (dialogues x k).

    `n` counts the items (mostly responses) that the value rests on, `support` the fewest that a part
    of it does: a mean over four levels rests on its rarest one. `constant` (c,) is what the estimator
    needs beside the totals. Where it is itself the total of a second, independent sample (EVAEval's V),
    `second` (dialogues of that sample x c) holds that sample, and intervals cover its error too.
    `corrected` takes the bias off the value by leaving out each dialogue of either sample once.
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
        """The value on the dialogues as they are; NaN where it is not defined."""
        return self.plug_in - self.bias if self.corrected else self.plug_in

    @cached_property
    def plug_in(self) -> float:
        """The estimator of the totals, as it is."""
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
        """The value of each dialogue alone; None where one dialogue has none of its own."""
        if self.corrected or self.estimator is linear:
            return None
        return self.of(self.sums, self.constant)

    def of(self, totals: Array, constants: Array) -> Array:
        """The estimator's values of any totals (m x k -> m) under constants (c,) or (m x c)."""
        return self.estimator.function(totals, constants)

    @cached_property
    def _totals(self) -> Array:
        totals: Array = self.sums.sum(axis=0)
        return totals


def linearised(value: float, without: Array, n: int) -> Statistic:
    """A value that is no function of sums (distinct n-grams), by what leaving each dialogue out changes.

    `without` (dialogues,) holds the value with each dialogue left out; any other total of dialogues has
    the whole's value plus their mean influence.
    """
    sums = np.stack([influence_of(without), np.ones(len(without))], axis=1)
    return Statistic(sums, n, linear, np.array([value]))


def influence_of(without: Array) -> Array:
    """How far each dialogue moves a value, from the values without it (n,): pseudo-values less their mean."""
    moved: Array = (len(without) - 1) * (without.mean() - without)
    return moved
