"""The device that computes, and the number format it computes fastest in.

bfloat16 is several times faster than float32 where the hardware multiplies in it, and 2 to 30 times
slower where it is emulated (CPUs without AVX-512 bf16 or AMX). Which holds is measured, not looked up.
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

_WORTH_IT = 1.2  # bfloat16 must be this much faster: it rounds, so a tie goes to float32
_ROUNDS = 3
_SHAPE = (128, 576, 1536)  # rows, inputs, outputs of a linear layer: SmolLM2's, and enough work to time

_decided: dict[str, str] = {}


@dataclass(frozen=True)
class Decision:
    """The number format to compute in, and why.

    `speed` is bfloat16's over float32's as measured, None where nothing was measured.
    """

    name: Literal["bf16", "fp32"]
    reason: str
    speed: float | None = None

    @property
    def bf16(self) -> bool:
        return self.name == "bf16"

    @property
    def dtype(self) -> Literal["bfloat16", "float32"]:
        """As torch and transformers name it."""
        return "bfloat16" if self.bf16 else "float32"


@cache
def decide(precision: Precision, where: str) -> Decision:
    """The number format for `precision`; says what it chose and why, once for each `where`.

    `where` is the setting, e.g. `sft.precision`. bfloat16 asked for by hand is used even where it is
    slow, after a warning with the measured ratio.
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
    """What this process has computed in, by setting; a run's record keeps it."""
    return dict(_decided)


def best_device() -> "torch.device":
    """The GPU if there is one."""
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def autocast(decision: Decision) -> "torch.autocast":
    """Within the block, matrix products are in bfloat16 if that is the decision."""
    import torch

    return torch.autocast(best_device().type, dtype=torch.bfloat16, enabled=decision.bf16)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw from a generator seeded here, and leave the caller's as it was."""
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
    """How many times as fast as float32 this CPU runs a linear layer forward and backward in bfloat16.

    Timed in one thread's own CPU time, the best of a few rounds of each in turn: other processes on the
    machine must not decide it. Takes .03 to .6 seconds.
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
