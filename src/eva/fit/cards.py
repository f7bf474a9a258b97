"""GPUs and their assumed speed, for forecasts about machines other than this one.

Peak rates are the manufacturers' values for dense bfloat16 with float32 accumulation. The share of the
peak that is reached is assumed: `_TRAINING` and `_READING` (forward pass) of the arithmetic, `_BANDWIDTH`
of the memory bandwidth. Each layer of a decoding step takes at least `_LAUNCH` seconds, the time of Python
and kernel launches.
"""

from dataclasses import dataclass
from typing import Literal

from eva.fit.work import Compute, Decode, Part, Regressions, Small, StartUp, Update, Write

_TRAINING, _READING, _BANDWIDTH = 0.35, 0.4, 0.6
_LAUNCH = 0.8e-3
_STARTS = {"light": 3.0, "validation": 7.0, "models": 12.0, "training": 20.0, "scorers": 15.0, "report": 8.0}
_CELLS = 3e7  # cells per second of regressions, which run on the CPU
_WRITE = 500e6  # bytes per second


@dataclass(frozen=True)
class Card:
    """A GPU: memory in bytes, peak FLOPs per second, memory bandwidth in bytes per second."""

    name: str
    memory: float
    flops: float
    bandwidth: float

    def seconds(self, part: Part, precision: Literal["bf16", "fp32"], processes: int = 1) -> float:
        """The time of a part on `processes` such GPUs, in seconds."""
        width, slower = (2, 1.0) if precision == "bf16" else (4, 4.0)
        match part:
            case Compute():
                reached = _READING if part.kind == "forward" else _TRAINING
                return part.flops * slower / (self.flops * reached * processes)
            case Decode():
                cache = 2 * part.model.layers * part.model.key * part.context * width
                traffic = part.model.parameters * width + cache
                step = max(traffic / (self.bandwidth * _BANDWIDTH), _LAUNCH * part.model.layers)
                return part.steps * step
            case Update():
                return part.parameters * part.steps * 28 / (self.bandwidth * _BANDWIDTH * processes)
            case Regressions():
                return part.cells / _CELLS
            case StartUp():
                return _STARTS.get(part.group, 15.0)
            case Small():
                return part.seconds
            case Write():
                return part.size / _WRITE


CARDS = (
    Card("RTX 4060 Ti 16 GB", 16e9, 44e12, 288e9),
    Card("RTX 3090 24 GB", 24e9, 71e12, 936e9),
    Card("RTX 4090 24 GB", 24e9, 165e12, 1008e9),
    Card("A100 40 GB", 40e9, 312e12, 1555e9),
    Card("RTX A6000 48 GB", 48e9, 155e12, 768e9),
    Card("A100 80 GB", 80e9, 312e12, 2039e9),
    Card("H100 80 GB", 80e9, 989e12, 3350e9),
    Card("H200 141 GB", 141e9, 989e12, 4800e9),
)


def smallest(memory: float) -> Card | None:
    """The GPU with the least memory that holds `memory` bytes and 10 % more for fragmentation, or None."""
    return next((card for card in CARDS if card.memory >= 1.1 * memory), None)
