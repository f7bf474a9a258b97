"""Two systems on the same turns, metric by metric."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from eva.data.responses import check_same_turns
from eva.errors import InputError
from eva.metrics.measured import Measured
from eva.statistics.bootstrap import Resampling
from eva.statistics.contrast import contrast
from eva.statistics.verdicts import Verdict, verdict


@dataclass(frozen=True)
class Difference:
    """`ours` minus `theirs` on one metric, see `Contrast`.

    `better` is `ours`, `theirs`, or None within the noise or without a direction. A metric that rests on
    too little in one of the runs is not `measured`: it has no interval and no verdict.
    """

    metric: str
    ours: float | None
    theirs: float | None
    difference: float | None
    ci: tuple[float, float] | None
    p_value: float | None
    effect_size: float | None
    within_noise: bool | None
    better: str | None
    verdict: Verdict | None
    measured: bool
    n_dialogues: int
    n_seeds: tuple[int, int]

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
    """Every metric that all runs have, paired by dialogue; one `Measured` a training seed."""
    if not ours or not theirs:
        raise InputError(f"comparing {names[0]} with {names[1]}: each needs at least one scored run")
    first = ours[0]
    for one, name in [*((r, names[0]) for r in ours[1:]), *((r, names[1]) for r in theirs)]:
        check_same_turns(first.turns, one.turns, (names[0], name))
    every = [*ours, *theirs]
    shared = [name for name in first.about if all(name in one.statistics for one in every)]
    return [_difference(name, ours, theirs, resampling, same_seeds) for name in shared]


def _difference(
    name: str, ours: Sequence[Measured], theirs: Sequence[Measured], resampling: Resampling, same_seeds: bool
) -> Difference:
    about, first = ours[0].about[name], ours[0]
    found = contrast(
        [one.statistics[name] for one in ours],
        [one.statistics[name] for one in theirs],
        resampling,
        same_seeds=same_seeds,
        bounds=about.bounds,
    )
    measured = all(one.is_measured(name) for one in [*ours, *theirs])
    within_noise = found.within_noise if measured else None
    said = verdict(found.difference, within_noise=within_noise, higher_is_better=about.higher_is_better)
    return Difference(
        metric=name,
        ours=_number(found.ours),
        theirs=_number(found.theirs),
        difference=_number(found.difference),
        ci=found.ci if measured else None,
        p_value=found.p_value if measured else None,
        effect_size=found.effect_size if measured else None,
        within_noise=within_noise,
        better={Verdict.BETTER: "ours", Verdict.WORSE: "theirs"}.get(said) if said else None,
        verdict=said,
        measured=measured,
        n_dialogues=first.n_dialogues,
        n_seeds=(len(ours), len(theirs)),
    )


def _number(value: float) -> float | None:
    """None where a value is not defined: JSON has no NaN."""
    return None if value != value else value
