"""Metrics by what a user calls them: a family, or one metric's name."""

import difflib
from collections.abc import Sequence

from eva.errors import raise_if
from eva.metrics import families as _own  # noqa: F401 - EVA's metrics, which come before those of plugins
from eva.metrics.catalogue import Metric, registered


def families() -> list[str]:
    """The families there are: EVA's own first, then those of plugins that were imported."""
    return list(dict.fromkeys(one.family for one in registered()))


def every_metric() -> list[Metric]:
    """All metrics: EVA's own first, then those of plugins that were imported."""
    return registered()


def select(names: Sequence[str]) -> list[Metric]:
    """Metrics of the families or metric names given, in that order; unknown names are an `InputError`."""
    raise_if(_unknown(names), "metrics")
    chosen: dict[str, Metric] = {}
    for name in names:
        chosen |= {one.name: one for one in registered() if name in (one.family, one.name)}
    return list(chosen.values())


def _unknown(names: Sequence[str]) -> list[str]:
    """What is wrong with names that are no family and no metric."""
    known, metrics = families(), [one.name for one in registered()]
    return [_refusal(name, known, metrics) for name in names if name not in known and name not in metrics]


def _refusal(name: str, known: Sequence[str], metrics: Sequence[str]) -> str:
    nearest = difflib.get_close_matches(name, [*known, *metrics], n=1, cutoff=0.0)
    return f"{name!r} is no metric and no family. Nearest: {nearest[0]!r}. Families: {', '.join(known)}."
