"""One system's metrics as sums over dialogues: all that intervals and comparisons need."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from eva.metrics.description import Description
from eva.statistics.estimators import Statistic


@dataclass(frozen=True, eq=False)
class Measured:
    """The statistics of some of a system's responses.

    `turns` are the (dialogue, supporter turn) that were answered, by which two systems are paired;
    `statistics` and `about` go by the metric's name, in the order of the tables.
    """

    turns: tuple[tuple[str, int], ...]
    statistics: Mapping[str, Statistic]
    about: Mapping[str, Description]

    @cached_property
    def n_dialogues(self) -> int:
        return len({dialogue for dialogue, _ in self.turns})

    def is_measured(self, name: str) -> bool:
        """Whether a metric rests on enough to be read, see `Description.least`."""
        return self.statistics[name].support >= self.about[name].least


@dataclass(frozen=True)
class Part:
    """The metrics on the responses that fall into one part of one axis."""

    axis: str
    part: str
    measured: Measured
