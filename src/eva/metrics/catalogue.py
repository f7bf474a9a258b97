"""Registry of metrics by name. A metric is one decorated function; its description is stored with its value.

Modules outside this package register their metrics in the same way, see `eva.plugins`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eva.metrics.description import Description, Table
from eva.metrics.measured import Measured
from eva.metrics.needs import check_known
from eva.metrics.sample import Sample
from eva.statistics.bootstrap import Bounds
from eva.statistics.estimators import Statistic

Compute = Callable[[Sample], Statistic]
Detail = Callable[[Sample, int], Mapping[str, Any]]
Floor = Callable[[Sample, int], Mapping[str, float]]


@dataclass(frozen=True, kw_only=True)
class Metric(Description):
    """A metric that can be computed; `needs` are conditions on its input, see `eva.metrics.needs`."""

    compute: Compute
    needs: tuple[str, ...] = ()

    @property
    def description(self) -> Description:
        """What is stored beside its values."""
        return Description(**{name: getattr(self, name) for name in Description.__dataclass_fields__})


_METRICS: dict[str, Metric] = {}
_DETAILS: dict[str, Detail] = {}
_FLOORS: dict[str, Floor] = {}


def metric(
    name: str,
    *,
    family: str,
    unit: str,
    definition: str,
    higher_is_better: bool | None,
    heading: str = "",
    table: Table | None = "comparison",
    over: str = "",
    decimals: int = 4,
    bounds: Bounds = (0, None),
    least: int = 1,
    needs: Sequence[str] = (),
    positional: bool = False,
    has_interval: bool = True,
    plug_in: str = "",
    fault: str = "",
    invalid_above: float | None = None,
) -> Callable[[Compute], Compute]:
    """Register the decorated function under `name`, which must be new; for the arguments see `Description`.

    `definition` states tokeniser, smoothing and averaging; the unit is appended to it. The default of
    `heading` is the part of the name after the slash.
    """
    check_known(name, needs)

    def register(compute: Compute) -> Compute:
        if name in _METRICS:
            raise ValueError(f"metric {name!r} is already registered by {_METRICS[name].compute}")
        _METRICS[name] = Metric(
            name=name,
            family=family,
            heading=heading or name.rpartition("/")[2],
            unit=unit,
            definition=f"{definition} Unit: {unit}.",
            higher_is_better=higher_is_better,
            table=table,
            over=over,
            decimals=decimals,
            bounds=bounds,
            least=least,
            positional=positional,
            has_interval=has_interval,
            plug_in=plug_in,
            fault=fault,
            invalid_above=invalid_above,
            compute=compute,
            needs=tuple(needs),
        )
        return compute

    return register


def detail(family: str) -> Callable[[Detail], Detail]:
    """Register a function that gives further results of a family as JSON data, from sample and seed."""

    def register(tell: Detail) -> Detail:
        _DETAILS[family] = tell
        return tell

    return register


def noise_floor(family: str) -> Callable[[Floor], Floor]:
    """Register a function that gives, by metric, the value that a perfect system gets from noise alone."""

    def register(floor: Floor) -> Floor:
        _FLOORS[family] = floor
        return floor

    return register


def measure(sample: Sample, metrics: Sequence[Metric]) -> Measured:
    """Compute the metrics on a sample, as sums over dialogues."""
    return Measured(
        turns=tuple(row.key for row in sample.rows),
        statistics={metric.name: metric.compute(sample) for metric in metrics},
        about={metric.name: metric.description for metric in metrics},
    )


def details_of(names: Sequence[str], sample: Sample, seed: int) -> dict[str, Any]:
    """Further results of the families (see `detail`), by family."""
    return {name: dict(_DETAILS[name](sample, seed)) for name in names if name in _DETAILS}


def floors_of(names: Sequence[str], sample: Sample, seed: int) -> dict[str, float]:
    """The noise floors (see `noise_floor`) of the families' metrics, by metric."""
    return {
        metric_name: value
        for name in names
        if name in _FLOORS
        for metric_name, value in _FLOORS[name](sample, seed).items()
    }


def registered() -> list[Metric]:
    """All metrics whose modules were imported, in the order in which they were registered."""
    return list(_METRICS.values())
