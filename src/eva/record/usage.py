"""What a run used: device-hours, tokens, energy, and what that costs.

A device is a GPU, or the machine where there is none. Energy is measured where a GPU measures its power;
else it is an estimate by `tracking.watts`, or absent.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from eva.settings.tracking_section import Tracking

Row = Mapping[str, float]
PREFIX = "usage/"
_HOUR = 3600.0


def usage(
    seconds: float, metrics: Mapping[str, float], samples: Sequence[Row], tracking: Tracking
) -> dict[str, float]:
    """Metrics `usage/device_hours`, `usage/tokens`, `usage/energy_kwh` and `usage/cost`, so far as known."""
    devices = _devices()
    hours = devices * seconds / _HOUR
    found = {f"{PREFIX}device_hours": hours}
    if "tokens" in metrics:  # of a training's rows
        found[f"{PREFIX}tokens"] = metrics["tokens"]
    energy = measured_kwh(samples)
    if energy is None and tracking.watts is not None:
        energy = tracking.watts * hours / 1000
    if energy is not None:
        found[f"{PREFIX}energy_kwh"] = energy
    if tracking.price_per_hour is not None:
        found[f"{PREFIX}cost"] = tracking.price_per_hour * hours
    return found


def measured_kwh(samples: Sequence[Row]) -> float | None:
    """Energy of all GPUs by their sampled power; None where it was not sampled."""
    powers = [(row["time"], sum(_watts(row))) for row in samples if list(_watts(row))]
    if len(powers) < 2:
        return None
    joules = sum((later - now) * (watts + then) / 2 for (now, watts), (later, then) in pairwise(powers))
    return joules / _HOUR / 1000


def _watts(row: Row) -> Iterable[float]:
    return [value for name, value in row.items() if name.endswith("_power_usage_watts")]


def _devices() -> int:
    torch = sys.modules.get("torch")  # a stage that has not imported it used no accelerator
    return max(1, torch.cuda.device_count()) if torch is not None and torch.cuda.is_available() else 1
