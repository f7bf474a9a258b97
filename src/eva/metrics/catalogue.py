"""Metrics by name. A metric is one decorated function; its definition travels with its value."""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from eva.errors import raise_if
from eva.metrics.sample import Sample
from eva.statistics.bootstrap import Statistic

Compute = Callable[[Sample], Statistic]


@dataclass(frozen=True)
class Metric:
    """A named metric.

    `definition` says tokeniser, smoothing, averaging and unit. `higher_is_better` is None where
    neither direction is better as such. A `positional` metric needs whole dialogues.
    """

    name: str
    family: str
    unit: str
    definition: str
    higher_is_better: bool | None
    compute: Compute
    positional: bool = False


_METRICS: dict[str, Metric] = {}


def metric(
    name: str,
    *,
    family: str,
    unit: str,
    definition: str,
    higher_is_better: bool | None,
    positional: bool = False,
) -> Callable[[Compute], Compute]:
    """Register the decorated function under `name`; a name can be taken once.

    `definition` says tokeniser, smoothing and averaging; the unit is put at its end.
    """

    def register(compute: Compute) -> Compute:
        if name in _METRICS:
            raise ValueError(f"metric {name!r} is already registered by {_METRICS[name].compute}")
        text = f"{definition} Unit: {unit}."
        _METRICS[name] = Metric(name, family, unit, text, higher_is_better, compute, positional)
        return compute

    return register


def families() -> list[str]:
    """The families there are, in the order in which their metrics are registered."""
    # Imported here, since each of them imports this module to register its metrics.
    from eva.metrics import (  # noqa: F401
        diversity,
        empathy,
        evaeval,
        length,
        overlap,
        repetition,
        response_types,
    )

    return list(dict.fromkeys(one.family for one in _METRICS.values()))


def select(names: Sequence[str]) -> list[Metric]:
    """Metrics of the families or metric names given, in that order; unknown names are an `InputError`."""
    known = set(families())
    raise_if((_unknown(name, known) for name in names if name not in known | set(_METRICS)), "metrics")
    chosen: dict[str, Metric] = {}
    for name in names:
        chosen |= {one.name: one for one in _METRICS.values() if name in (one.family, one.name)}
    return list(chosen.values())


def _unknown(name: str, families: set[str]) -> str:
    nearest = difflib.get_close_matches(name, [*families, *_METRICS], n=1, cutoff=0.0)
    known = ", ".join(sorted(families))
    return f"{name!r} is no metric and no family. Nearest: {nearest[0]!r}. Families: {known}."
