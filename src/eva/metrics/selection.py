"""Metrics by what a user calls them: a family, or one metric's name."""

import difflib
from collections.abc import Sequence

from eva.errors import raise_if
from eva.metrics import families as _own  # noqa: F401 - EVA's metrics, which come before those of plugins
from eva.metrics.catalogue import Metric, registered


def families() -> list[str]:
    """The names of all families: EVA's own first, then those of imported plugins."""
    return list(dict.fromkeys(one.family for one in registered()))


def every_metric() -> list[Metric]:
    """All metrics: EVA's own first, then those of plugins that were imported."""
    return registered()


def select(names: Sequence[str]) -> list[Metric]:
    """The metrics of the given families or metric names, in that order; `InputError` if one is unknown."""
    raise_if(_unknown(names), "metrics")
    chosen: dict[str, Metric] = {}
    for name in names:
        chosen |= {one.name: one for one in registered() if name in (one.family, one.name)}
    return list(chosen.values())


def _unknown(names: Sequence[str]) -> list[str]:
    """One message for each name that is neither a family nor a metric."""
    known, metrics = families(), [one.name for one in registered()]
    return [_refusal(name, known, metrics) for name in names if name not in known and name not in metrics]


def _refusal(name: str, known: Sequence[str], metrics: Sequence[str]) -> str:
    nearest = difflib.get_close_matches(name, [*known, *metrics], n=1, cutoff=0.0)
    return (
        f"{name!r} is neither a metric nor a family. Nearest: {nearest[0]!r}. Families: {', '.join(known)}."
    )
