"""The memory and the disk that are free on this machine."""

import os
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_BUSY = 0.5
_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


@dataclass(frozen=True)
class Room:
    """Free bytes: on the device, in main memory, and on the disk of the project."""

    device: str
    device_memory: float
    memory: float
    disk: float

    @property
    def one_memory(self) -> bool:
        """Whether the device uses main memory."""
        return self.device == "CPU"


def room(root: Path) -> Room:
    """The memory and disk space that are free now."""
    import torch

    memory = _free_memory()
    disk = float(shutil.disk_usage(root).free)
    if not torch.cuda.is_available():
        return Room("CPU", memory, memory, disk)
    free, _ = torch.cuda.mem_get_info()
    return Room(torch.cuda.get_device_name(), float(free), memory, disk)


@cache
def busy() -> bool:
    """Whether other processes use the CPU: a load of more than half the processors, at the first call."""
    return os.getloadavg()[0] / (os.cpu_count() or 1) > _BUSY


def _free_memory() -> float:
    """The available memory according to the system, or the limit of a container if that is less."""
    import psutil

    free = float(psutil.virtual_memory().available)
    limits = [path.read_text().strip() for path in _LIMITS if path.is_file()]
    given = [float(text) for text in limits if text.isdigit()]
    return min([free, *given])
