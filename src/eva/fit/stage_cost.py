"""The cost of one item of the DAG, independent of the machine."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from eva.fit.work import Group, Part, StartUp
from eva.settings.precision import Precision

STORED = 2  # copies of what a stage makes: in DVC's cache and in the workspace

Format = Literal["bf16", "fp32"]
Formats = Callable[
    [Precision, str], Format
]  # a section's precision and its name -> what a machine computes in


@dataclass(frozen=True)
class StageCost:
    """The cost of an item.

    Attributes:
        name: its name in DVC, e.g. `sft@esconv-smollm2-1-eva`.
        group: the group of stages with the same libraries.
        parts: its work.
        precision: the number format, or None.
        tokens: tokens that are processed or generated.
        steps: updates of a training, or responses of a generation.
        device: peak bytes on the device, per process.
        mapped: bytes of files that a process maps into main memory.
        processes: number of processes.
        lasting: bytes that stay on the disk.
        passing: bytes needed in addition while the item runs.
        unknown: what could not be computed, or None.
    """

    name: str
    group: Group
    parts: tuple[Part, ...] = ()
    precision: Format | None = None
    tokens: float = 0.0
    steps: float = 0.0
    device: float = 0.0
    mapped: float = 0.0
    processes: int = 1
    lasting: float = 0.0
    passing: float = 0.0
    unknown: str | None = None

    @property
    def stage(self) -> str:
        """The stage, which is the part of the name before `@`."""
        return self.name.partition("@")[0]

    @property
    def everything(self) -> tuple[Part, ...]:
        """All work of the item, including the start of its process."""
        return (StartUp(self.group), *self.parts)


def pointer(name: str) -> StageCost:
    """The cost of an item that only writes a pointer."""
    return StageCost(name, "light")
