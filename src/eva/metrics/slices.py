"""Metrics on parts of a sample: problem type, emotion, quartile, length of the dialogue."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from eva.data.responses import Response
from eva.metrics.catalogue import Metric, measure
from eva.metrics.measured import Part
from eva.metrics.sample import Sample

_TURN_EDGES = (5, 10, 15)


def bucket(number: int, edges: Sequence[int]) -> str:
    """The range of integers that contains `number`, as text; each edge is the last of its range."""
    lower = 0
    for edge in edges:
        if number <= edge:
            return f"{lower + 1}–{edge}" if lower else f"up to {edge}"
        lower = edge
    return f"over {lower}"


# Axes that every file has; further ones come from the rows' own `slices`. An axis must not depend on the
# response, otherwise the parts of two systems could not be paired.
AXES: dict[str, Callable[[Response], str]] = {
    "quartile": lambda row: str(row.quartile),
    "dialogue_turns": lambda row: bucket(row.n_turns, _TURN_EDGES),
}
_SPLITS_DIALOGUES = ("quartile",)


def parts_of(sample: Sample, metrics: Sequence[Metric]) -> Iterator[Part]:
    """Every metric on every part of every axis.

    Metrics of whole dialogues (EVAEval, repetition within a dialogue) are left out on axes that split
    dialogues.
    """
    for axis in [*AXES, *sorted({axis for row in sample.rows for axis in row.slices})]:
        usable = [m for m in metrics if not (m.positional and axis in _SPLITS_DIALOGUES)]
        labels = np.array([_part(axis, row) for row in sample.rows])
        for part in sorted(set(labels.tolist()), key=_natural):
            yield Part(axis, part, measure(sample.subset(labels == part), usable))


def _part(axis: str, row: Response) -> str:
    return AXES[axis](row) if axis in AXES else row.slices.get(axis, "unknown")


def _natural(part: str) -> tuple[int, str]:
    """Sort key: ranges by their numbers, open-ended ranges last."""
    digits = "".join(c if c.isdigit() else " " for c in part).split()
    number = int(digits[0]) if digits else 0
    opening = -1 if part.startswith("up to") else number
    return (number + 1 if part.startswith("over") else opening), part
