"""The description of a metric, stored with its values, so that tables do not need the metric's code."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from eva.statistics.bootstrap import Bounds

Table = Literal["comparison", "wording"]


@dataclass(frozen=True, kw_only=True)
class Description:
    """How a metric is named, interpreted and shown.

    Attributes:
        name: `<family>/<metric>`.
        family: name of the group of metrics that are requested together.
        heading: heading of its column, a few characters.
        unit: unit of its values.
        definition: tokeniser, smoothing, averaging, unit.
        higher_is_better: None if neither direction is better.
        table: the report's table in which it is a column; None: it is in the score files only.
        over: common heading over neighbouring columns.
        decimals: number of printed decimal places.
        bounds: lowest and highest possible value, to which intervals are clipped; None: unbounded.
        least: smallest number of items; with fewer it counts as not measured, see `Statistic.support`.
        positional: whether it needs whole dialogues.
        has_interval: False for a biased value, around which an interval would be wrong.
        plug_in: name of the metric with the value before bias correction; '' if there is none.
        fault: of the share of responses with a defect: what is wrong with them, after "… of the responses".
        invalid_above: a value from which a row of the report is no instance of what it is called.
    """

    name: str
    family: str
    heading: str
    unit: str
    definition: str
    higher_is_better: bool | None
    table: Table | None = "comparison"
    over: str = ""
    decimals: int = 4
    bounds: Bounds = (0, None)
    least: int = 1
    positional: bool = False
    has_interval: bool = True
    plug_in: str = ""
    fault: str = ""
    invalid_above: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """All fields but the name, for JSON; the name is the key of the result there."""
        return {name: value for name, value in asdict(self).items() if name != "name"} | {
            "bounds": list(self.bounds)
        }

    @classmethod
    def from_dict(cls, name: str, raw: Mapping[str, Any]) -> "Description":
        """The inverse of `to_dict`; other keys are ignored."""
        known = {field.name for field in fields(cls)} & raw.keys()
        low, high = raw["bounds"]
        return cls(**{key: raw[key] for key in known} | {"name": name, "bounds": (low, high)})
