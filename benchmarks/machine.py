"""What computes: the CPU's features, and how fast it multiplies matrices."""

import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from eva.devices import best_device

_FEATURES = ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16", "amx_tile")
_LIBRARIES = ("torch", "transformers", "trl", "peft")
_SIZE, _SECONDS = 2048, 1.5


def describe() -> dict[str, Any]:
    """Processor or GPU, features, threads and versions."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    flags = fields.get("flags", "").split()
    return {
        "processor": fields.get("model name", platform.processor()),
        "features": [name for name in _FEATURES if name in flags],
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        **{name: version(name) for name in _LIBRARIES},
    }


def matmul_rate(dtype: torch.dtype) -> float:
    """FLOP per second of square matrix products: the best of many in about two seconds."""
    device = best_device()
    one, two = (torch.randn(_SIZE, _SIZE, device=device).to(dtype) for _ in range(2))
    best, until = float("inf"), time.perf_counter() + _SECONDS
    while time.perf_counter() < until:
        start = time.perf_counter()
        one @ two
        if device.type == "cuda":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - start)
    return 2 * _SIZE**3 / best
