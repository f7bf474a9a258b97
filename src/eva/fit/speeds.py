"""The time of parts of stages on this machine: measured when first needed, then stored.

The stored file is named by processor, threads, libraries and code of the measurement. It has a digest, and
if that does not match, everything is measured again.
"""

import logging
import os
import platform
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from eva.artifacts import fingerprint, read_json, write_json
from eva.code_digest import code_digest
from eva.errors import InputError
from eva.fit.architecture import Architecture
from eva.fit.startup import Begun, begin_all
from eva.fit.work import Compute, Decode, Group, Part, Regressions, Small, StartUp, Update, Write

log = logging.getLogger(__name__)

Format = Literal["bf16", "fp32"]

_START = 8.0  # start-up seconds of the group `models` on the reference machine of `Small`
_DVC = 1.3  # seconds of DVC's own work for a stage on that machine
_WRITE = 250e6  # bytes per second for writing, hashing and adding to DVC's cache
_ROWS = (1, 8, 48)  # responses that grow together; between them a step's time is a straight line
_LENGTHS = (32, 64, 128, 256, 512, 1024)


class MeasuredSpeeds:
    """The seconds of parts on this machine, measured in the precision of the stage."""

    def __init__(self, store: Path) -> None:
        self._store = store / f"{fingerprint(_machine())}.json"
        self._known: dict[str, Any] = self._read()

    def seconds(self, part: Part, precision: Format) -> float:
        """The time of a part in seconds."""
        match part:
            case Compute():
                return self._compute(part, precision)
            case Decode():
                return part.steps * self._decode(part.model, part.rows, precision)
            case Update():
                return part.parameters * part.steps / self._rate("update")
            case Regressions():
                return part.cells / self._rate("regression")
            case StartUp():
                return self.begun(part.group).seconds + _DVC * self._slowness
            case Small():
                return part.seconds * self._slowness
            case Write():
                return part.size / _WRITE

    def begun(self, group: Group) -> Begun:
        """Start-up time and memory of a process of a group of stages."""
        return Begun(**self._kept("start-up", _begin)[group])

    @property
    def _slowness(self) -> float:
        """Slowness relative to the reference machine, from the start-up time; used for parts `Small`."""
        return max(0.2, self.begun("models").seconds / _START)

    def _compute(self, part: Compute, precision: Format) -> float:
        from eva.fit import probing

        length = min(_LENGTHS, key=lambda one: abs(one - part.length))
        rows = max(1, min(part.rows, 4096 // length))
        name = f"{part.kind} {_shape(part.model)} {precision} {rows}x{length}"
        rate = self._kept(name, lambda: probing.compute_rate(part.kind, part.model, precision, rows, length))
        return part.flops / float(rate)

    def _decode(self, model: Architecture, rows: float, precision: Format) -> float:
        from eva.fit import probing

        def tried(n: int) -> float:
            name = f"decode {_shape(model)} {precision} {n}"
            return float(self._kept(name, lambda: probing.decode_seconds(model, precision, n)))

        few, many = _ROWS[:2] if rows <= _ROWS[1] else _ROWS[1:]
        slope = max(0.0, tried(many) - tried(few)) / (many - few)
        return max(tried(few) + slope * (rows - few), 1e-4)

    def _rate(self, name: Literal["update", "regression"]) -> float:
        from eva.fit import probing

        return float(self._kept(name, getattr(probing, f"{name}_rate")))

    def _kept(self, name: str, measure: Callable[[], Any]) -> Any:
        if name not in self._known:
            log.info("eva fit: timing %s", name)
            self._known[name] = measure()
            write_json(self._store, {"speeds": self._known, "digest": fingerprint(self._known)})
        return self._known[name]

    def _read(self) -> dict[str, Any]:
        """The stored measurements of this machine; empty if the file is missing or damaged."""
        if not self._store.is_file():
            return {}
        try:
            kept = read_json(self._store)
        except InputError:
            return {}
        whole = isinstance(kept, dict) and kept.get("digest") == fingerprint(kept.get("speeds"))
        return dict(kept["speeds"]) if whole else {}


def _begin() -> dict[str, Any]:
    return {group: asdict(begun) for group, begun in begin_all().items()}


def _shape(model: Architecture) -> str:
    return fingerprint(asdict(model))[:8]


def _machine() -> dict[str, Any]:
    import torch

    return {
        "processor": _processor_name(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "libraries": {name: version(name) for name in ("torch", "transformers", "peft", "trl")},
        "onednn": os.environ.get("ONEDNN_MAX_CPU_ISA"),
        "aten": os.environ.get("ATEN_CPU_CAPABILITY"),
        "code": code_digest("eva.fit.probing"),
    }


def _processor_name() -> str:
    """A name for the model of the processor and its features."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "flags"))]
    return fingerprint(named[:2]) if named else platform.processor()
