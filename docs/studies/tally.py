"""Counting how many intervals hold the truth."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

ENOUGH = 0.5  # a coverage is shown where at least half of the trials have an interval


@dataclass
class Tally:
    """Of the trials that have an interval: how many hold the truth."""

    trials: int = 0
    given: int = 0
    held: int = 0

    def add(self, intervals: Sequence[tuple[float, float] | None], truth: float) -> None:
        given = [ci for ci in intervals if ci is not None]
        self.trials += len(intervals)
        self.given += len(given)
        self.held += sum(low <= truth <= high for low, high in given)

    @property
    def missed(self) -> float:
        return 1 - self.held / self.given

    def coverage(self) -> str:
        return self._shown(lambda: f"{100 * self.held / self.given:.1f}")

    def alarms(self) -> str:
        return self._shown(lambda: f"{100 * self.missed:.1f}")

    def _shown(self, number: Callable[[], str]) -> str:
        """The number, with the share of trials without an interval where there are some."""
        if self.given < ENOUGH * self.trials:
            return "no interval"
        without = 100 * (1 - self.given / self.trials)
        return number() + (f" ({without:.0f} without)" if without >= 0.5 else "")
