"""One system's metrics as sums over dialogues, from which intervals and comparisons are computed."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from eva.metrics.description import Description
from eva.statistics.estimators import Statistic


@dataclass(frozen=True, eq=False)
class Measured:
    """The statistics of a set of a system's responses.

    `turns` are the answered (dialogue, supporter turn), by which two systems are paired; `statistics` and
    `about` (the descriptions) have the metrics' names as keys, in the order of the tables.
    """

    turns: tuple[tuple[str, int], ...]
    statistics: Mapping[str, Statistic]
    about: Mapping[str, Description]

    @cached_property
    def n_dialogues(self) -> int:
        return len({dialogue for dialogue, _ in self.turns})

    def is_measured(self, name: str) -> bool:
        """Whether a metric has enough items to be meaningful, see `Description.least`."""
        return self.statistics[name].support >= self.about[name].least


@dataclass(frozen=True)
class Part:
    """The metrics on the responses of one part of one axis, such as one emotion."""

    axis: str
    part: str
    measured: Measured
