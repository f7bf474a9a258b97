"""A table with one row per response: labels, type and its own value of each metric, for further analysis."""

import math
from collections.abc import Iterator
from typing import Any

from eva.metrics.families.response_types import response_type
from eva.metrics.labelling import label_rows
from eva.metrics.score import ScoreResult
from eva.statistics.estimators import Array

_TYPE = "response_type"


def response_rows(result: ScoreResult) -> list[dict[str, Any]]:
    """One row per response: dialogue, turn, labels, type and values; None if a metric does not apply.

    Metrics of a whole corpus or dialogue (Dist-n, EVAEval, repetition) have no value for one response.
    Metrics of frequent phrases use the phrases of the whole file.
    """
    columns = dict(_columns(result))
    with_type = any(metric.family == _TYPE for metric in result.chosen)
    return [
        {
            **labels,
            "n_turns": row.n_turns,
            "quartile": row.quartile,
            **({"type": response_type(row.response)} if with_type else {}),
            **{name: None if math.isnan(column[i]) else float(column[i]) for name, column in columns.items()},
        }
        for i, (row, labels) in enumerate(zip(result.sample.rows, label_rows(result.sample), strict=True))
    ]


def _columns(result: ScoreResult) -> Iterator[tuple[str, Array]]:
    apart = result.sample.apart()
    for metric in result.chosen:
        if metric.positional or metric.family == _TYPE:  # the type stands there by its name
            continue
        values = metric.compute(apart).by_dialogue
        if values is not None:
            yield metric.name, values
