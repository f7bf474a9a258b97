"""Measuring the start-up time of a process and the memory of its libraries, once per machine."""

import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass

from eva.fit.room import busy
from eva.fit.work import Group

_BASE = ("pydantic", "ruamel.yaml")
_MODELS = (*_BASE, "torch", "transformers.models.llama.modeling_llama", "peft", "mlflow.tracking")
_TRIED: dict[Group, tuple[str, ...]] = {
    "light": _BASE,
    "models": _MODELS,
    "training": (*_MODELS, "datasets", "trl.trainer.dpo_trainer", "trl.trainer.sft_trainer"),
}
# The other groups are estimated from a measured one, because measuring all would take a minute.
_LIKE: dict[Group, tuple[Group, float, float]] = {  # seconds, memory
    "validation": ("models", 0.5, 0.6),
    "report": ("models", 0.35, 0.25),
    "scorers": ("models", 1.0, 1.2),
    "registry": ("models", 1.3, 1.2),
}
_WAITING = 1.1  # wall time divided by CPU time of a process that imports libraries
_PROGRAM = """\
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
import psutil
print(psutil.Process().memory_info().rss)
"""


@dataclass(frozen=True)
class Begun:
    """Seconds until a process has imported its libraries, and the bytes of memory that it then uses."""

    seconds: float
    memory: int


def begin_all() -> dict[Group, Begun]:
    """Start-up time and memory of every group of stages."""
    tried = {group: _begin(names) for group, names in _TRIED.items()}
    like = {
        group: Begun(tried[other].seconds * longer, round(tried[other].memory * more))
        for group, (other, longer, more) in _LIKE.items()
    }
    return {**tried, **like}


def _begin(names: tuple[str, ...]) -> Begun:
    """Start a process, import the libraries of a group of stages, and end it."""
    started, before = time.perf_counter(), _processor_time()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _PROGRAM, *names],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TRANSFORMERS_VERBOSITY": "error"},
        text=True,
        check=True,
    )
    used = _processor_time() - before
    seconds = _WAITING * used if busy() else time.perf_counter() - started
    return Begun(seconds, int(done.stdout.split()[-1]))


def _processor_time() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
