"""Writing the score file of one item, which `eva.metrics.score_file` reads.

A column of sums is one line of numbers and is stored once, even if several metrics use it.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from eva.artifacts import write_json
from eva.metrics.measured import Measured
from eva.metrics.score import ScoreResult
from eva.metrics.slices import parts_of
from eva.statistics.estimators import Array, Statistic


def write_scores(path: Path, result: ScoreResult) -> None:
    """Write a result with its labels, its sums over dialogues and its parts."""
    columns = _Columns()
    turns = {turn: place for place, turn in enumerate(result.measured.turns)}
    sums = columns.statistics(result.measured)
    slices = [
        {
            "axis": one.axis,
            "part": one.part,
            "rows": _written([turns[turn] for turn in one.measured.turns]),
            "statistics": columns.statistics(one.measured),
        }
        for one in parts_of(result.sample, result.chosen)
    ]
    write_json(
        path,
        {
            **result.to_dict(),
            "labels": result.labels,
            "order": list(result.metrics),
            "sums": {"columns": list(columns.lines), "statistics": sums},
            "slices": slices,
        },
    )


def write_inapplicable(path: Path, provenance: Mapping[str, Any]) -> None:
    """Write an empty score file for a variant that does not apply to its backbone."""
    nothing: dict[str, Any] = {"metrics": {}, "details": {}, "labels": [], "slices": []}
    write_json(path, {**nothing, "provenance": dict(provenance)})


class _Columns:
    """Columns of numbers without duplicates; a column is referred to by its index in `lines`."""

    def __init__(self) -> None:
        self.lines: dict[str, int] = {}

    def statistics(self, measured: Measured) -> dict[str, Any]:
        return {name: self._statistic(one) for name, one in measured.statistics.items()}

    def _statistic(self, statistic: Statistic) -> dict[str, Any]:
        return {
            "estimator": statistic.estimator.name,
            "n": statistic.n,
            "support": statistic.support,
            "columns": [self._place(column) for column in statistic.sums.T],
            "corrected": statistic.corrected,
            **self._constants(statistic),
        }

    def _constants(self, statistic: Statistic) -> dict[str, Any]:
        if len(statistic.second):
            return {"second": [self._place(column) for column in statistic.second.T]}
        return {"constant": self._place(statistic.constant)} if len(statistic.constant) else {}

    def _place(self, column: Array) -> int:
        return self.lines.setdefault(_written(column.tolist()), len(self.lines))


def _written(numbers: Iterable[float]) -> str:
    """Numbers in one line that are read back as the same floats; integers without a decimal point."""
    return " ".join(str(int(one)) if float(one).is_integer() else repr(float(one)) for one in numbers)
