"""Two ways of doing the same work, timed in turn on one machine."""

import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Work = Callable[[], object]


@dataclass(frozen=True)
class Seconds:
    """Seconds of one execution: on the clock, and of this process's CPU time over all threads.

    On a machine that does other things too, the CPU time says more.
    """

    wall: float
    cpu: float


@dataclass
class Row:
    """One comparison: seconds of each execution, tokens that each way reads, and what is asked of it.

    `seconds` and `tokens` go by the name of the way; the first is ours, the last the baseline. `ratio` is
    that of baseline to ours: the median over rounds, of times on the clock and of CPU times.
    """

    work: str
    precision: str
    at_least: float | None = None
    aim: float | None = None
    seconds: dict[str, list[Seconds]] = field(default_factory=dict)
    tokens: dict[str, int] = field(default_factory=dict)
    ratio: dict[str, float] = field(default_factory=dict)
    note: str = ""
    measured: dict[str, Any] = field(default_factory=dict)


def once(work: Work) -> Seconds:
    """The seconds that `work` takes."""
    cpu, wall = _cpu(), time.perf_counter()
    work()
    return Seconds(time.perf_counter() - wall, _cpu() - cpu)


def in_turn(ways: Mapping[str, Work], rounds: int) -> dict[str, list[Seconds]]:
    """Run all ways one after the other, `rounds` times, so that a change of the machine meets all of them."""
    found: dict[str, list[Seconds]] = {name: [] for name in ways}
    for number in range(rounds):
        for name, work in ways.items():
            found[name].append(once(work))
            last = found[name][-1]
            sys.stderr.write(f"  round {number + 1}, {name}: {last.wall:.1f} s, CPU {last.cpu:.1f} s\n")
    return found


def median(seconds: list[Seconds], clock: str = "wall") -> float:
    """Of one way's executions."""
    return statistics.median(getattr(one, clock) for one in seconds)


def ratios(ours: list[Seconds], theirs: list[Seconds]) -> dict[str, float]:
    """Median over rounds of theirs to ours."""
    return {
        clock: statistics.median(
            getattr(b, clock) / getattr(a, clock) for a, b in zip(ours, theirs, strict=True)
        )
        for clock in ("wall", "cpu")
    }


def _cpu() -> float:
    times = os.times()
    return times.user + times.system
