"""The needs of the items of the DAG on a machine, and which of them it does not have."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from eva.fit.room import Room
from eva.fit.stage_cost import StageCost
from eva.fit.startup import Begun
from eva.fit.work import Group

# What a process holds over what it uses: freed room between allocations of other sizes stays with it.
_HOLES = 1.2

Seconds = Callable[[StageCost], float]


@dataclass(frozen=True)
class Forecast:
    """The forecast of an item on a machine.

    `seconds` is None if unknown; `memory` and `device` are peak bytes of main memory and of the device.
    """

    cost: StageCost
    seconds: float | None
    memory: float
    device: float

    @property
    def name(self) -> str:
        return self.cost.name


def memory_of(cost: StageCost, begun: Callable[[Group], Begun], one_memory: bool) -> float:
    """Peak bytes of main memory: libraries, mapped files, and if `one_memory` also what is on the device."""
    own = begun(cost.group).memory + cost.mapped + (_HOLES * cost.device if one_memory else 0.0)
    return own * cost.processes


def disk_of(costs: Sequence[StageCost]) -> float:
    """Peak bytes on the disk: what all items leave, and the largest temporary space of an item."""
    return sum(cost.lasting for cost in costs) + max((cost.passing for cost in costs), default=0.0)


def lacking(forecasts: Sequence[Forecast], room: Room) -> Iterator[tuple[Forecast, str]]:
    """The first item of every stage that does not fit into memory, with a message about what is missing."""
    told = set[str]()
    for one in forecasts:
        if one.cost.stage in told:
            continue
        if one.memory > room.memory:
            told.add(one.cost.stage)
            yield one, f"{gigabytes(one.memory)} of memory, but {gigabytes(room.memory)} are free"
        elif not room.one_memory and one.device > room.device_memory:
            told.add(one.cost.stage)
            free = gigabytes(room.device_memory)
            yield one, f"{gigabytes(one.device)} on {room.device}, but {free} are free"


def gigabytes(size: float) -> str:
    """A number of bytes as text in GB or TB."""
    if size >= 1e12:
        return f"{size / 1e12:.1f} TB"
    return f"{size / 1e9:.1f} GB"
