"""What one item of the DAG costs, before it is known on which machine."""

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
    """An item, e.g. `sft@esconv-smollm2-1-eva`.

    `device` are bytes on the device at the peak, of one process, `mapped` those of files that its
    process maps into the computer's memory; `lasting` bytes stay on the disk,
    `passing` are needed beside them while the item runs. `unknown` says what could not be told.
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
        """The name before the item."""
        return self.name.partition("@")[0]

    @property
    def everything(self) -> tuple[Part, ...]:
        """Its parts, after its start."""
        return (StartUp(self.group), *self.parts)


def pointer(name: str) -> StageCost:
    """An item that trains nothing: it starts and writes a pointer."""
    return StageCost(name, "light")
