"""Labels for responses, from scorers of the kinds that the metrics need."""

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
        """Why they cannot give labels of these kinds; nothing is loaded."""

    def labels(self, kind: str, rows: Sequence[Response]) -> Sequence[int]:
        """One label a response, in order: a level 0 (none) to 4, or a degree 0 to 2."""


def label(rows: Sequence[Response], kinds: Iterable[str], scorers: Scorers | None) -> Mapping[str, Labels]:
    """The labels of every kind; an `InputError` if a scorer gives others than its kind's."""
    if scorers is None:
        return {}
    return {kind: _checked(rows, scorers.labels(kind, rows), kind) for kind in kinds}


def _checked(rows: Sequence[Response], labels: Sequence[int], kind: str) -> Labels:
    """Labels as an array; an empty response gets 0 whatever the scorer said."""
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
    """One row a response with its labels; a mechanism of EPITOME stands there by its short name."""
    columns = {kind.removeprefix("epitome/"): column for kind, column in sample.labels.items()}
    return [
        {"dialogue_id": row.dialogue_id, "turn": row.turn}
        | {name: int(column[i]) for name, column in columns.items()}
        for i, row in enumerate(sample.rows)
    ]
