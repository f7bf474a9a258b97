"""Labelling responses with the scorers that the chosen metrics need."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from eva.data.responses import Response
from eva.errors import InputError
from eva.metrics.needs import LABELS
from eva.metrics.sample import Labels, Sample


class Scorers(Protocol):
    """Classifiers that label responses, by kind: `level`, `epitome/ip` and so on."""

    def problems(self, kinds: Iterable[str]) -> list[str]:
        """Reasons why they cannot give labels of these kinds; loads nothing."""

    def labels(self, kind: str, rows: Sequence[Response]) -> Sequence[int]:
        """One label per response, in order: a level 0 (none) to 4, or a degree 0 to 2."""


def label(rows: Sequence[Response], kinds: Iterable[str], scorers: Scorers | None) -> Mapping[str, Labels]:
    """The labels of every kind; `InputError` if a scorer gives labels that its kind does not have."""
    if scorers is None:
        return {}
    return {kind: _checked(rows, scorers.labels(kind, rows), kind) for kind in kinds}


def _checked(rows: Sequence[Response], labels: Sequence[int], kind: str) -> Labels:
    """The labels as an array; an empty response always gets 0."""
    given = np.asarray(labels, dtype=np.int64)
    if len(given) != len(rows) or not np.isin(given, LABELS[kind]).all():
        found = sorted(set(given.tolist()))
        raise InputError(
            f"scorer `{kind}`: gave {len(given)} labels {found} for {len(rows)} rows, expected one of "
            f"{list(LABELS[kind])} each; it was trained for another label set: train or choose another"
        )
    silent = np.array([not row.response.strip() for row in rows])
    return np.where(silent, 0, given)


def label_rows(sample: Sample) -> list[dict[str, Any]]:
    """One row per response with its labels; keys of EPITOME's mechanisms are their short names."""
    columns = {kind.removeprefix("epitome/"): column for kind, column in sample.labels.items()}
    return [
        {"dialogue_id": row.dialogue_id, "turn": row.turn}
        | {name: int(column[i]) for name, column in columns.items()}
        for i, row in enumerate(sample.rows)
    ]
