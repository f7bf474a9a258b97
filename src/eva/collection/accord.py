"""How far two rankings of one collection agree, such as a judge model's with people's."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eva.data.candidates import Ranked
from eva.errors import InputError
from eva.statistics.proportions import korn_graubard


@dataclass(frozen=True)
class Accord:
    """Agreement over the items that both rankings keep.

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
    both = [(ranked, known[ranked.item]) for ranked in one if ranked.kept and ranked.item in known]
    if not both:
        raise InputError("the two rankings keep no item in common; give two of the same collection")
    taus = []
    for left, right in both:
        places = [right.order.index(name) for name in left.order]
        taus.append(float(kendalltau(range(len(places)), places).statistic))
    groups = [left.item.rpartition(":")[0] for left, _ in both]
    return Accord(
        items=len(both),
        chance=float(np.mean([1 / len(left.order) for left, _ in both])),
        best=_share([left.order[0] == right.order[0] for left, right in both], groups),
        worst=_share([left.order[-1] == right.order[-1] for left, right in both], groups),
        tau=float(np.mean(taus)),
    )


def _share(same: Sequence[bool], groups: Sequence[str]) -> tuple[float, float, float]:
    low, high = korn_graubard([float(one) for one in same], groups, 0.95)
    return float(np.mean(same)), low, high
