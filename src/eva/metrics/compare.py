"""Two systems on the same turns, metric by metric."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from eva.data.responses import check_same_turns
from eva.errors import InputError
from eva.metrics.description import Table
from eva.metrics.measured import Measured
from eva.statistics.bootstrap import Resampling
from eva.statistics.contrast import contrast
from eva.statistics.holm import holm
from eva.statistics.verdicts import FEWEST_DIALOGUES, Verdict, verdict


@dataclass(frozen=True)
class Difference:
    """`ours` minus `theirs` on one metric, see `Contrast`.

    `p_adjusted` is the p-value after Holm's correction, see `judge`; `within_noise` is true if it is above
    the significance level. Both are None below twenty dialogues and without an interval. `better` is `ours`,
    `theirs`, or None if the difference is within the noise or the metric has no direction. `measured` is
    False if a run has too few items for the metric: then there is no interval and no verdict.
    """

    metric: str
    ours: float | None
    theirs: float | None
    difference: float | None
    ci: tuple[float, float] | None
    p_value: float | None
    effect_size: float | None
    measured: bool
    n_dialogues: int
    n_seeds: tuple[int, int]
    table: Table | None = None
    higher_is_better: bool | None = None
    p_adjusted: float | None = None
    within_noise: bool | None = None
    better: str | None = None
    verdict: Verdict | None = None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def compare(
    ours: Sequence[Measured],
    theirs: Sequence[Measured],
    resampling: Resampling,
    *,
    names: tuple[str, str] = ("ours", "theirs"),
    same_seeds: bool = True,
) -> list[Difference]:
    """The difference of every metric that all runs have; each side has one `Measured` per training seed."""
    found = differences(ours, theirs, resampling, names=names, same_seeds=same_seeds)
    return judge([found], resampling.confidence)[0]


def differences(
    ours: Sequence[Measured],
    theirs: Sequence[Measured],
    resampling: Resampling,
    *,
    names: tuple[str, str] = ("ours", "theirs"),
    same_seeds: bool = True,
) -> list[Difference]:
    """The differences of all common metrics, paired by dialogue, without verdicts (see `judge`)."""
    if not ours or not theirs:
        raise InputError(f"comparing {names[0]} with {names[1]}: each needs at least one scored run")
    first = ours[0]
    for one, name in [*((r, names[0]) for r in ours[1:]), *((r, names[1]) for r in theirs)]:
        check_same_turns(first.turns, one.turns, (names[0], name))
    every = [*ours, *theirs]
    shared = [name for name in first.about if all(name in one.statistics for one in every)]
    return [_difference(name, ours, theirs, resampling, same_seeds) for name in shared]


def judge(found: Sequence[Sequence[Difference]], confidence: float) -> list[list[Difference]]:
    """The differences with verdicts, their p-values corrected for the number of tests (Holm).

    The correction counts together all tests of the metrics of one table in all given comparisons; metrics
    that are in no table form one more group.
    """
    places: dict[Table | None, list[tuple[int, int]]] = {}
    for i, several in enumerate(found):
        for j, one in enumerate(several):
            if one.p_value is not None:
                places.setdefault(one.table, []).append((i, j))
    judged = [list(several) for several in found]
    for family in places.values():
        adjusted = holm([found[i][j].p_value or 0.0 for i, j in family])
        for (i, j), p_adjusted in zip(family, adjusted, strict=True):
            judged[i][j] = _judged(found[i][j], p_adjusted, confidence)
    return judged


def _judged(one: Difference, p_adjusted: float, confidence: float) -> Difference:
    few = one.n_dialogues < FEWEST_DIALOGUES
    within_noise = None if few else p_adjusted >= 1 - confidence
    said = verdict(one.difference or 0.0, within_noise=within_noise, higher_is_better=one.higher_is_better)
    better = {Verdict.BETTER: "ours", Verdict.WORSE: "theirs"}.get(said) if said else None
    return replace(one, p_adjusted=p_adjusted, within_noise=within_noise, verdict=said, better=better)


def _difference(
    name: str, ours: Sequence[Measured], theirs: Sequence[Measured], resampling: Resampling, same_seeds: bool
) -> Difference:
    about, first, measured = ours[0].about[name], ours[0], all(m.is_measured(name) for m in [*ours, *theirs])
    found = contrast(
        [one.statistics[name] for one in ours],
        [one.statistics[name] for one in theirs],
        resampling if measured and about.has_interval else replace(resampling, resamples=0),
        same_seeds=same_seeds,
        bounds=about.bounds,
    )
    return Difference(
        metric=name,
        ours=_number(found.ours),
        theirs=_number(found.theirs),
        difference=_number(found.difference),
        ci=found.ci,
        p_value=found.p_value,
        effect_size=found.effect_size,
        measured=measured,
        n_dialogues=first.n_dialogues,
        n_seeds=(len(ours), len(theirs)),
        table=about.table,
        higher_is_better=about.higher_is_better,
    )


def _number(value: float) -> float | None:
    """The value, or None for NaN, which JSON does not have."""
    return None if value != value else value
