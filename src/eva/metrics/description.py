"""What a metric says about itself; it is stored beside its values, so that a table needs no metric's code."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from eva.statistics.bootstrap import Bounds

Table = Literal["comparison", "wording"]


@dataclass(frozen=True, kw_only=True)
class Description:
    """How a metric is named, read and shown.

    Attributes:
        name: `<family>/<metric>`.
        family: the metrics that are asked for together.
        heading: of its column, a few characters.
        unit: of its values.
        definition: tokeniser, smoothing, averaging, unit.
        higher_is_better: None where neither direction is better as such.
        table: the report's table that it is a column of; None: it stands in the scores only.
        over: a heading over the neighbouring columns that share it.
        decimals: places that are printed.
        bounds: lowest and highest possible value, which no interval leaves; None: no end.
        least: fewest items below which it counts as not measured, see `Statistic.support`.
        positional: it needs whole dialogues.
        has_interval: False for a value that is biased, so that an interval around it would be wrong.
        plug_in: the metric that is its value before the bias was taken off; '' where there is none.
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
        """As JSON has it; the name is the key that it stands under."""
        return {name: value for name, value in asdict(self).items() if name != "name"} | {
            "bounds": list(self.bounds)
        }

    @classmethod
    def from_dict(cls, name: str, raw: Mapping[str, Any]) -> "Description":
        """From what `to_dict` gave; other keys are not looked at."""
        known = {field.name for field in fields(cls)} & raw.keys()
        low, high = raw["bounds"]
        return cls(**{key: raw[key] for key in known} | {"name": name, "bounds": (low, high)})
