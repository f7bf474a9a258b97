"""Choice of the device, and of the number format (bfloat16 or float32) that is faster on it.

bfloat16 is several times faster than float32 on hardware that supports it, and 2 to 30 times slower
where it is emulated (CPUs without AVX-512 bf16 or AMX). On a CPU the speed of both is measured.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

from eva.settings.precision import Precision

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)

_WORTH_IT = 1.2  # least speed-up for which bfloat16 is chosen; it is less exact, so float32 wins a tie
_ROUNDS = 3
_SHAPE = (128, 576, 1536)  # tokens, inputs, outputs of the timed layer: the MLP sizes of SmolLM2-135M

_decided: dict[str, str] = {}


@dataclass(frozen=True)
class Decision:
    """The number format to compute in, and the reason.

    `speed` is the measured speed of bfloat16 divided by that of float32; None if nothing was measured.
    """

    name: Literal["bf16", "fp32"]
    reason: str
    speed: float | None = None

    @property
    def bf16(self) -> bool:
        return self.name == "bf16"

    @property
    def dtype(self) -> Literal["bfloat16", "float32"]:
        """The name that torch and transformers use."""
        return "bfloat16" if self.bf16 else "float32"


@cache
def decide(precision: Precision, where: str) -> Decision:
    """The number format for the setting `precision`; logs the choice and the reason once per `where`.

    `where` is the name of the setting, e.g. `sft.precision`. With `bf16`, bfloat16 is used even where
    it is slow, after a warning with the measured ratio.
    """
    if precision == "fp32":
        chosen = Decision("fp32", "as set")
    elif precision == "auto":
        chosen = _measured()
    else:
        chosen = _by_hand(where)
    log.info("%s: %s (%s)", where, chosen.name, chosen.reason)
    _decided[where] = chosen.name
    return chosen


def decisions() -> dict[str, str]:
    """Setting -> number format (`bf16` or `fp32`) that this process chose; kept in the record of the run."""
    return dict(_decided)


def best_device() -> "torch.device":
    """The GPU if there is one, else the CPU."""
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def autocast(decision: Decision) -> "torch.autocast":
    """A context in which torch computes matrix products in bfloat16, if that is the decision."""
    import torch

    return torch.autocast(best_device().type, dtype=torch.bfloat16, enabled=decision.bf16)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """A context in which torch's random generator starts from `seed`; afterwards its state is restored."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def _by_hand(where: str) -> Decision:
    device = _measured()
    if not device.bf16:
        log.warning("%s is bf16, and here %s; `auto` or `fp32` is faster", where, device.reason)
    return Decision("bf16", "as set", device.speed)


@cache
def _measured() -> Decision:
    import torch

    if torch.cuda.is_available():
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return Decision("bf16", "the GPU computes in it")
        return Decision("fp32", "the GPU does not compute in bfloat16")
    speed = bf16_speed()
    text = f"bfloat16 runs at {speed:.2g} times the speed of float32 on this CPU, measured"
    return Decision("bf16" if speed >= _WORTH_IT else "fp32", text, speed)


def bf16_speed() -> float:
    """Speed of bfloat16 divided by that of float32, for a linear layer forward and backward on this CPU.

    Each format is timed a few times in turn, in CPU time of one thread, and the fastest time counts, so
    that other processes on the machine do not change the result. Takes 0.03 to 0.6 seconds.
    """
    import torch

    formats = (torch.float32, torch.bfloat16)
    best = dict.fromkeys(formats, float("inf"))
    with torch.random.fork_rng(devices=[]), _one_thread():
        for number in range(_ROUNDS + 1):  # the first round only warms up
            for dtype in formats:
                seconds = _linear_seconds(dtype)
                best[dtype] = min(best[dtype], seconds) if number else best[dtype]
    return best[torch.float32] / best[torch.bfloat16]


@contextmanager
def _one_thread() -> Iterator[None]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _linear_seconds(dtype: "torch.dtype") -> float:
    import torch

    rows, inputs, outputs = _SHAPE
    given = torch.randn(rows, inputs, dtype=dtype, requires_grad=True)
    weight = torch.randn(outputs, inputs, dtype=dtype, requires_grad=True)
    began = time.thread_time()
    out = torch.nn.functional.linear(given, weight)
    out.backward(torch.ones_like(out))  # type: ignore[no-untyped-call]
    return time.thread_time() - began
