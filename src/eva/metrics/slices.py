"""Metrics on parts of a sample: problem type, emotion, quartile, length."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from eva.data.responses import Response
from eva.metrics.score import ScoreResult
from eva.settings.evaluate_section import Evaluate
from eva.statistics.bootstrap import draw_weights, statistic_interval

_WORD_EDGES = (10, 20, 40, 80)
_TURN_EDGES = (5, 10, 15)


@dataclass(frozen=True)
class SliceValue:
    """One metric on one part: `n` as in the whole, over `n_rows` responses of `n_dialogues`."""

    axis: str
    part: str
    metric: str
    value: float
    n: int
    n_rows: int
    n_dialogues: int
    ci: tuple[float, float] | None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def bucket(number: int, edges: Sequence[int]) -> str:
    """The range of whole numbers that `number` falls in, as text: edges end their range."""
    lower = 0
    for edge in edges:
        if number <= edge:
            return f"{lower + 1}–{edge}" if lower else f"up to {edge}"
        lower = edge
    return f"over {lower}"


# Axes every file has; the others come from the rows' own `slices`.
AXES: dict[str, Callable[[Response], str]] = {
    "quartile": lambda row: str(row.quartile),
    "response_words": lambda row: bucket(len(row.response.split()), _WORD_EDGES),
    "dialogue_turns": lambda row: bucket(row.n_turns, _TURN_EDGES),
}
_SPLITS_DIALOGUES = ("quartile", "response_words")


def slice_scores(
    result: ScoreResult, axes: Sequence[str] | None = None, *, settings: Evaluate
) -> list[SliceValue]:
    """Every metric on every part of every axis (all axes by default)."""
    values: list[SliceValue] = []
    for axis in axes or axes_of(result.sample.rows):
        for part in parts_of(axis, result.sample.rows):
            values += _part_values(axis, part, restrict(result, axis, part), settings)
    return values


def axes_of(rows: Sequence[Response]) -> list[str]:
    """The axes that every file has, and those that the rows' own `slices` name."""
    return list(AXES) + sorted({axis for row in rows for axis in row.slices})


def parts_of(axis: str, rows: Sequence[Response]) -> list[str]:
    """The parts of an axis that occur, ranges in the order of their numbers."""
    return sorted({_part(axis, row) for row in rows}, key=_natural)


def restrict(result: ScoreResult, axis: str, part: str) -> ScoreResult:
    """The statistics of one part of the sample, to read or to compare.

    Metrics of whole dialogues (EVAEval, repetition within a dialogue) are left out on axes that
    cut dialogues apart. `metrics` and `details` are empty.
    """
    sample = result.sample.subset(np.array([_part(axis, row) == part for row in result.sample.rows]))
    usable = [m for m in result.chosen if not (m.positional and axis in _SPLITS_DIALOGUES)]
    return replace(
        result,
        metrics={},
        details={},
        labels=[],
        sample=sample,
        statistics={metric.name: metric.compute(sample) for metric in usable},
        chosen=usable,
    )


def _part(axis: str, row: Response) -> str:
    return AXES[axis](row) if axis in AXES else row.slices.get(axis, "unknown")


def _part_values(axis: str, part: str, result: ScoreResult, settings: Evaluate) -> list[SliceValue]:
    sizes = len(result.sample.rows), len(result.sample.dialogues)
    weights = draw_weights(sizes[1], settings.bootstrap, settings.seed)
    return [
        SliceValue(
            axis,
            part,
            name,
            statistic.value,
            statistic.n,
            *sizes,
            statistic_interval(statistic, weights, settings.confidence),
        )
        for name, statistic in result.statistics.items()
    ]


def _natural(part: str) -> tuple[int, str]:
    """Ranges in the order of their numbers, open ends last."""
    digits = "".join(c if c.isdigit() else " " for c in part).split()
    number = int(digits[0]) if digits else 0
    opening = -1 if part.startswith("up to") else number
    return (number + 1 if part.startswith("over") else opening), part
