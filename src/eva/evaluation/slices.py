"""Metrics on parts of a sample: problem type, emotion, quartile, length."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from eva.evaluation.bootstrap import draw_weights, statistic_interval
from eva.evaluation.registry import Metric
from eva.evaluation.rows import ResponseRow
from eva.evaluation.sample import Sample
from eva.evaluation.score import ScoreResult
from eva.settings import Evaluate

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
AXES: dict[str, Callable[[ResponseRow], str]] = {
    "quartile": lambda row: str(row.quartile),
    "response_words": lambda row: bucket(len(row.response.split()), _WORD_EDGES),
    "dialogue_turns": lambda row: bucket(row.n_turns, _TURN_EDGES),
}
_SPLITS_DIALOGUES = ("quartile", "response_words")


def slice_scores(
    result: ScoreResult, axes: Sequence[str] | None = None, *, settings: Evaluate
) -> list[SliceValue]:
    """Every metric on every part of every axis (all axes by default).

    Metrics of whole dialogues (EVAEval, repetition within a dialogue) are left out on axes that
    cut dialogues apart.
    """
    sample = result.sample
    known = list(AXES) + sorted({axis for row in sample.rows for axis in row.slices})
    return [
        value for axis in (axes or known) for value in _axis_values(axis, sample, result.chosen, settings)
    ]


def _axis_values(
    axis: str, sample: Sample, metrics: Sequence[Metric], settings: Evaluate
) -> list[SliceValue]:
    parts = np.array([_part(axis, row) for row in sample.rows])
    usable = [m for m in metrics if not (m.positional and axis in _SPLITS_DIALOGUES)]
    values: list[SliceValue] = []
    for part in sorted(set(parts.tolist()), key=_natural):
        values += _part_values(axis, part, sample.subset(parts == part), usable, settings)
    return values


def _part(axis: str, row: ResponseRow) -> str:
    return AXES[axis](row) if axis in AXES else row.slices.get(axis, "unknown")


def _part_values(
    axis: str, part: str, sample: Sample, metrics: Sequence[Metric], settings: Evaluate
) -> list[SliceValue]:
    weights = draw_weights(len(sample.dialogues), settings.bootstrap, settings.seed)
    values = []
    for metric in metrics:
        statistic = metric.compute(sample)
        ci = statistic_interval(statistic, weights, settings.confidence)
        sizes = statistic.n, len(sample.rows), len(sample.dialogues)
        values.append(SliceValue(axis, part, metric.name, statistic.value, *sizes, ci))
    return values


def _natural(part: str) -> tuple[int, str]:
    """Ranges in the order of their numbers, open ends last."""
    digits = "".join(c if c.isdigit() else " " for c in part).split()
    number = int(digits[0]) if digits else 0
    opening = -1 if part.startswith("up to") else number
    return (number + 1 if part.startswith("over") else opening), part
