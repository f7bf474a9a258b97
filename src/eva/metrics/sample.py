"""The input of a metric: responses, grouped by dialogue, with the labels that scorers gave."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from eva.data.responses import Response
from eva.errors import InputError
from eva.scorers.reference import Reference
from eva.statistics.estimators import Array, Statistic

Labels = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Sample:
    """Responses of one system; `labels` has, for each kind of labels, one label per response.

    Dialogues are sorted by id, so that two systems on the same turns align.
    """

    rows: tuple[Response, ...]
    labels: Mapping[str, Labels] = field(default_factory=dict)
    reference: Reference | None = None
    ngram: int = 4

    @cached_property
    def dialogues(self) -> tuple[str, ...]:
        """The dialogues' ids, sorted."""
        return tuple(sorted({row.dialogue_id for row in self.rows}))

    @cached_property
    def dialogue_of(self) -> Labels:
        """Index into `dialogues` of each response."""
        index = {name: i for i, name in enumerate(self.dialogues)}
        return np.array([index[row.dialogue_id] for row in self.rows], dtype=np.int64)

    @cached_property
    def responses(self) -> list[str]:
        """The responses' texts."""
        return [row.response for row in self.rows]

    def labelled(self, kind: str) -> Labels:
        """The labels of a kind; `InputError` if no scorer gave any."""
        if kind not in self.labels:
            raise InputError(f"the responses have no labels of the kind `{kind}`, which a metric needs")
        return self.labels[kind]

    @property
    def known_reference(self) -> Reference:
        """EVAEval's reference histogram V; `InputError` if none was given."""
        if self.reference is None:
            raise InputError("EVAEval needs the reference histogram V (reference.json of `level_classifier`)")
        return self.reference

    def per_dialogue(self, values: Array) -> Array:
        """Sums of an array (responses x k) over the responses of each dialogue (dialogues x k)."""
        sums = np.zeros((len(self.dialogues), values.shape[1]))
        np.add.at(sums, self.dialogue_of, values)
        return sums

    def mean(self, values: Array, counted: Array | None = None) -> Statistic:
        """The mean of one value per response, over the responses that are `counted` (all by default)."""
        mask = np.ones(len(values)) if counted is None else counted
        sums = self.per_dialogue(np.stack([values * mask, mask], axis=1))
        return Statistic(sums, n=int(mask.sum()))

    def apart(self) -> "Sample":
        """Every response as a dialogue of its own, in the order of the rows."""
        return replace(
            self, rows=tuple(replace(row, dialogue_id=f"{i:09d}") for i, row in enumerate(self.rows))
        )

    def subset(self, mask: NDArray[np.bool_]) -> "Sample":
        """The responses where `mask` is true, with their labels."""
        return Sample(
            rows=tuple(row for row, keep in zip(self.rows, mask, strict=True) if keep),
            labels={kind: labels[mask] for kind, labels in self.labels.items()},
            reference=self.reference,
            ngram=self.ngram,
        )
