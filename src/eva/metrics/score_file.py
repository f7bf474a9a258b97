"""The file of one item's scores, as `evaluate` wrote it (`eva.metrics.score_writer`).

Besides the values it holds every metric's sums over dialogues, in total and for each part, so that
intervals and comparisons can be computed without the responses and without the code of any metric.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from eva.artifacts import read_json
from eva.errors import InputError
from eva.metrics import formulas  # noqa: F401 - the estimators that statistics name
from eva.metrics.measured import Measured, Part
from eva.metrics.values import MetricValue
from eva.statistics.bootstrap import Resampling
from eva.statistics.estimators import Array, Statistic, named


@dataclass(frozen=True)
class Scores:
    """One item's scores as they were stored; `metrics` are in the order of the tables."""

    metrics: dict[str, MetricValue]
    measured: Measured = field(repr=False)
    parts: list[Part] = field(repr=False)
    details: Mapping[str, Any] = field(repr=False)
    labels: Sequence[Mapping[str, Any]] = field(repr=False)
    provenance: Mapping[str, Any] = field(repr=False)

    @property
    def resampling(self) -> Resampling:
        """The bootstrap settings of the item's own intervals."""
        made = self.provenance
        return Resampling(made["resamples"], made["confidence"], made["bootstrap_seed"])


def read_scores(path: Path) -> Scores | None:
    """Read what `write_scores` wrote; None for a variant that does not apply."""
    raw = read_json(path)
    if not raw["metrics"]:
        return None
    if "sums" not in raw:
        raise InputError(f"{path}: has no sums over dialogues; `dvc repro evaluate` writes it again")
    metrics = {name: MetricValue.from_dict(name, raw["metrics"][name]) for name in raw["order"]}
    columns = [np.array(line.split(), dtype=np.float64) for line in raw["sums"]["columns"]]
    turns = [(row["dialogue_id"], row["turn"]) for row in raw["labels"]]
    return Scores(
        metrics=metrics,
        measured=_measured(raw["sums"]["statistics"], columns, turns, metrics),
        parts=[
            Part(one["axis"], one["part"], _measured(one["statistics"], columns, _rows(one, turns), metrics))
            for one in raw["slices"]
        ],
        details=raw["details"],
        labels=raw["labels"],
        provenance=raw["provenance"],
    )


def _rows(part: Mapping[str, Any], turns: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    return [turns[int(place)] for place in part["rows"].split()]


def _measured(
    raw: Mapping[str, Any],
    columns: Sequence[Array],
    turns: Sequence[tuple[str, int]],
    metrics: Mapping[str, MetricValue],
) -> Measured:
    order = [name for name in metrics if name in raw]
    return Measured(
        turns=tuple(turns),
        statistics={name: _statistic(raw[name], columns) for name in order},
        about={name: metrics[name].about for name in order},
    )


def _statistic(raw: Mapping[str, Any], columns: Sequence[Array]) -> Statistic:
    return Statistic(
        sums=np.stack([columns[place] for place in raw["columns"]], axis=1),
        n=raw["n"],
        estimator=named(raw["estimator"]),
        constant=columns[raw["constant"]] if "constant" in raw else np.zeros(0),
        support=raw["support"],
        second=np.stack([columns[place] for place in raw["second"]], axis=1)
        if "second" in raw
        else np.zeros((0, 0)),
        corrected=raw["corrected"],
    )
