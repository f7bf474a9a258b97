"""A metric's value with everything that is needed to interpret it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eva.metrics.description import Description


@dataclass(frozen=True)
class MetricValue:
    """One value; None if there was nothing to compute it from.

    `measured` is False if it is based on too few items, see `Description.least`. `noise_floor` is the value
    that the reference data themselves get.
    """

    value: float | None
    n: int
    ci: tuple[float, float] | None
    measured: bool
    about: Description
    noise_floor: float | None = None

    def to_dict(self) -> dict[str, Any]:
        return {
            **self.about.to_dict(),
            "value": self.value,
            "n": self.n,
            "ci": None if self.ci is None else list(self.ci),
            "measured": self.measured,
            **({} if self.noise_floor is None else {"noise_floor": self.noise_floor}),
        }

    @classmethod
    def from_dict(cls, name: str, raw: Mapping[str, Any]) -> "MetricValue":
        """The inverse of `to_dict`."""
        return cls(
            value=raw["value"],
            n=raw["n"],
            ci=None if raw["ci"] is None else (raw["ci"][0], raw["ci"][1]),
            measured=raw["measured"],
            about=Description.from_dict(name, raw),
            noise_floor=raw.get("noise_floor"),
        )
