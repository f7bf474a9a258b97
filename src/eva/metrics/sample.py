"""What a metric is computed on: rows, grouped by dialogue, with the labels that scorers gave."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from eva.data.responses import Response
from eva.errors import InputError
from eva.scorers.reference import Reference
from eva.statistics.bootstrap import Additive, Array

Labels = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Sample:
    """Rows of one system; `levels` and `degrees` (by mechanism) hold one label a row.

    Dialogues are in order of their ids, so that two systems on the same turns align.
    """

    rows: tuple[Response, ...]
    levels: Labels | None = None
    degrees: Mapping[str, Labels] = field(default_factory=dict)
    reference: Reference | None = None
    ngram: int = 4

    @cached_property
    def dialogues(self) -> tuple[str, ...]:
        """The dialogues' ids, sorted."""
        return tuple(sorted({row.dialogue_id for row in self.rows}))

    @cached_property
    def dialogue_of(self) -> Labels:
        """Index into `dialogues` of each row."""
        index = {name: i for i, name in enumerate(self.dialogues)}
        return np.array([index[row.dialogue_id] for row in self.rows], dtype=np.int64)

    @property
    def known_levels(self) -> Labels:
        """The levels; an `InputError` where no scorer gave any."""
        if self.levels is None:
            raise InputError("EVAEval needs the level of every row, and no level classifier labelled them")
        return self.levels

    @property
    def known_reference(self) -> Reference:
        """V; an `InputError` where none was given."""
        if self.reference is None:
            raise InputError("EVAEval needs the reference histogram V (reference.json of `level_classifier`)")
        return self.reference

    @cached_property
    def responses(self) -> list[str]:
        """The responses' texts."""
        return [row.response for row in self.rows]

    def per_dialogue(self, values: Array) -> Array:
        """Sum of a rows x k array over each dialogue's rows (dialogues x k)."""
        sums = np.zeros((len(self.dialogues), values.shape[1]))
        np.add.at(sums, self.dialogue_of, values)
        return sums

    def mean(self, values: Array, counted: Array | None = None) -> Additive:
        """The mean of one value a row, over the rows that are `counted` (all by default)."""
        mask = np.ones(len(values)) if counted is None else counted
        sums = self.per_dialogue(np.stack([values * mask, mask], axis=1))
        return Additive(sums, n=int(mask.sum()))

    def subset(self, mask: NDArray[np.bool_]) -> "Sample":
        """The rows where `mask` is true, with their labels."""
        return Sample(
            rows=tuple(row for row, keep in zip(self.rows, mask, strict=True) if keep),
            levels=None if self.levels is None else self.levels[mask],
            degrees={name: labels[mask] for name, labels in self.degrees.items()},
            reference=self.reference,
            ngram=self.ngram,
        )
