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
    """Bytes free: of the device that computes, of the computer's memory, of the disk here."""

    device: str
    device_memory: float
    memory: float
    disk: float

    @property
    def one_memory(self) -> bool:
        """Whether the device computes in the computer's own memory."""
        return self.device == "CPU"


def room(root: Path) -> Room:
    """What is free now."""
    import torch

    memory = _free_memory()
    disk = float(shutil.disk_usage(root).free)
    if not torch.cuda.is_available():
        return Room("CPU", memory, memory, disk)
    free, _ = torch.cuda.mem_get_info()
    return Room(torch.cuda.get_device_name(), float(free), memory, disk)


@cache
def busy() -> bool:
    """Whether other processes were computing when this one first asked: more than one to two processors."""
    return os.getloadavg()[0] / (os.cpu_count() or 1) > _BUSY


def _free_memory() -> float:
    """What the system says is available, or less in a container with a limit."""
    import psutil

    free = float(psutil.virtual_memory().available)
    limits = [path.read_text().strip() for path in _LIMITS if path.is_file()]
    given = [float(text) for text in limits if text.isdigit()]
    return min([free, *given])
