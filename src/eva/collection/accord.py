"""How far two rankings of one collection agree, such as a judge model's with people's."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eva.data.candidates import FEWEST_RANKED, Ranked
from eva.errors import InputError
from eva.statistics.proportions import korn_graubard


@dataclass(frozen=True)
class Accord:
    """Agreement over the items that both rankings keep, and over the candidates that both order.

    `best` and `worst` are the shares of items with the same candidate at that end, each with its 95 %
    interval, which counts the items of a dialogue as a cluster; `chance` is what random orders reach. `tau`
    is the mean of Kendall's tau over the items, from -1 to 1.
    """

    items: int
    chance: float
    best: tuple[float, float, float]
    worst: tuple[float, float, float]
    tau: float


def accord(one: Sequence[Ranked], other: Sequence[Ranked]) -> Accord:
    """The agreement of two rankings; `InputError` if they keep no item in common."""
    from scipy.stats import kendalltau

    known = {ranked.item: ranked for ranked in other if ranked.kept}
    kept = [(ranked, known[ranked.item]) for ranked in one if ranked.kept and ranked.item in known]
    both = [(left.item, _shared(left, right), _shared(right, left)) for left, right in kept]
    both = [(item, left, right) for item, left, right in both if len(left) >= FEWEST_RANKED]
    if not both:
        raise InputError("the two rankings keep no item in common; give two of the same collection")
    taus = []
    for _, left, right in both:
        places = [right.index(name) for name in left]
        taus.append(float(kendalltau(range(len(places)), places).statistic))
    groups = [item.rpartition(":")[0] for item, _, _ in both]
    return Accord(
        items=len(both),
        chance=float(np.mean([1 / len(left) for _, left, _ in both])),
        best=_share([left[0] == right[0] for _, left, right in both], groups),
        worst=_share([left[-1] == right[-1] for _, left, right in both], groups),
        tau=float(np.mean(taus)),
    )


def _shared(one: Ranked, other: Ranked) -> list[str]:
    """The order of one ranking without what the other found unusable."""
    return [name for name in one.order if name in other.order]


def _share(same: Sequence[bool], groups: Sequence[str]) -> tuple[float, float, float]:
    low, high = korn_graubard([float(one) for one in same], groups, 0.95)
    return float(np.mean(same)), low, high
