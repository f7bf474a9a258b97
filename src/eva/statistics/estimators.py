"""From sums over dialogues to a value: means, ratios of sums, distances of histograms.

Turns of one dialogue depend on each other, so the dialogue is what is resampled. A metric hands over
what each dialogue contributes and the estimator that makes a value of their totals. Both can be stored,
so that every interval and comparison follows later without the texts.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from eva.errors import InputError

Array = NDArray[np.float64]
# Totals (m x k) and the statistic's constant (c,) to m values; NaN where a value is not defined.
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
    moved: Array = value[0] + totals[:, 0] / np.maximum(totals[:, 1], 1)
    return moved


@dataclass(frozen=True, eq=False)
class Statistic:
    """What an estimator makes of the totals of `sums` (dialogues x k).

    `n` counts the items (mostly responses) that the value rests on, `support` the fewest that a part
    of it does: a mean over four levels rests on its rarest one. `constant` (c,) is what the estimator
    needs beside the totals, the same under every resampling.
    """

    sums: Array
    n: int
    estimator: Estimator = ratio
    constant: Array = field(default_factory=lambda: np.zeros(0))
    support: int = -1

    def __post_init__(self) -> None:
        if self.support < 0:
            object.__setattr__(self, "support", self.n)

    @property
    def value(self) -> float:
        """The value on the dialogues as they are; NaN where it is not defined."""
        return float(self.of(self.sums.sum(axis=0, keepdims=True))[0])

    def replicates(self, weights: Array) -> Array:
        """Values under `weights` (resamples x dialogues), which say how often each dialogue is drawn."""
        return self.of(weights @ self.sums)

    @property
    def by_dialogue(self) -> Array | None:
        """The value of each dialogue alone; None where one dialogue has none of its own."""
        return None if self.estimator is linear else self.of(self.sums)

    def of(self, totals: Array) -> Array:
        """The estimator's values of any totals (m x k -> m)."""
        return self.estimator.function(totals, self.constant)


def linearised(value: float, without: Array, n: int) -> Statistic:
    """A value that is no function of sums (distinct n-grams), by what leaving each dialogue out changes.

    A resample that holds a dialogue twice has no new n-grams, so that a plain bootstrap of a distinct
    count is biased. `without` (dialogues,) holds the value with each dialogue left out; a resampled
    value is the whole's plus the mean influence of the dialogues drawn.
    """
    influence = (len(without) - 1) * (without.mean() - without)
    sums = np.stack([influence, np.ones(len(without))], axis=1)
    return Statistic(sums, n, linear, np.array([value]))
