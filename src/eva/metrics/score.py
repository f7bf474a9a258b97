"""Scoring one system's responses: the one function behind `eva score` and the evaluate stage."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from eva.data.responses import Response
from eva.errors import raise_if
from eva.metrics.catalogue import Metric, details_of, floors_of, measure
from eva.metrics.labelling import Scorers, label, label_rows
from eva.metrics.measured import Measured
from eva.metrics.needs import HISTOGRAM, by_reason, label_kinds, row_notes, row_obstacles
from eva.metrics.sample import Sample
from eva.metrics.selection import select
from eva.metrics.values import MetricValue
from eva.scorers.reference import Reference
from eva.settings.evaluate_section import Evaluate
from eva.statistics.bootstrap import Resampling, mean_interval


@dataclass(frozen=True)
class ScoreResult:
    """Values by metric name, the tables behind them, and what comparisons need.

    `labels` has one row per response: dialogue, turn and every label that a scorer gave. `notes` are
    sentences about limits of the values, for the reader.
    """

    metrics: dict[str, MetricValue]
    details: dict[str, Any]
    provenance: dict[str, Any]
    labels: list[dict[str, Any]]
    notes: list[str]
    measured: Measured = field(repr=False)
    sample: Sample = field(repr=False)
    chosen: list[Metric] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """The JSON of `eva score --json`."""
        return {
            "metrics": {name: value.to_dict() for name, value in self.metrics.items()},
            "details": self.details,
            "provenance": self.provenance,
        }


def score(
    rows: Sequence[Response],
    metrics: Sequence[str],
    *,
    settings: Evaluate,
    scorers: Scorers | None = None,
    reference: Reference | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> ScoreResult:
    """Score `rows` on `metrics` (families or single names); see `ScoreResult`.

    Raises:
        InputError: before any scorer runs; lists everything that prevents a metric.
    """
    chosen = select(metrics)
    needs = list(dict.fromkeys(need for metric in chosen for need in metric.needs))
    raise_if(_impossible(rows, chosen, scorers, reference), "score")
    labels = label(rows, label_kinds(needs), scorers)
    sample = Sample(tuple(rows), labels, reference, settings.ngram)
    measured, families = measure(sample, chosen), list(dict.fromkeys(one.family for one in chosen))
    notes = by_reason({m.name: row_notes(m.needs, rows) for m in chosen}, {m.name: m.family for m in chosen})
    return ScoreResult(
        metrics=_values(measured, Resampling.of(settings), floors_of(families, sample, settings.seed)),
        details=details_of(families, sample, settings.seed),
        provenance=_provenance(
            sample, settings, {**(provenance or {}), **({"notes": notes} if notes else {})}
        ),
        labels=label_rows(sample),
        notes=notes,
        measured=measured,
        sample=sample,
        chosen=chosen,
    )


def _impossible(
    rows: Sequence[Response],
    chosen: Sequence[Metric],
    scorers: Scorers | None,
    reference: Reference | None,
) -> list[str]:
    if not rows:
        return ["there are no rows to score"]
    family_of = {metric.name: metric.family for metric in chosen}
    reasons = {
        metric.name: row_obstacles(metric.needs, rows) + _absent(metric, scorers, reference)
        for metric in chosen
    }
    kinds = label_kinds([need for metric in chosen for need in metric.needs])
    return by_reason(reasons, family_of) + (scorers.problems(kinds) if scorers is not None else [])


def _absent(metric: Metric, scorers: Scorers | None, reference: Reference | None) -> list[str]:
    """Messages for the inputs of a metric that were not given."""
    problems = []
    if scorers is None and label_kinds(metric.needs):
        problems.append("needs trained scorers: give them, or leave this metric out")
    if reference is None and HISTOGRAM in metric.needs:
        problems.append("needs the reference histogram V (reference.json of `level_classifier`)")
    return problems


def _values(
    measured: Measured, resampling: Resampling, floors: Mapping[str, float]
) -> dict[str, MetricValue]:
    return {name: _value(name, measured, resampling, floors.get(name)) for name in measured.about}


def _value(name: str, measured: Measured, resampling: Resampling, floor: float | None) -> MetricValue:
    statistic, about = measured.statistics[name], measured.about[name]
    value = statistic.value
    return MetricValue(
        value=None if np.isnan(value) else value,
        n=statistic.n,
        ci=mean_interval([statistic], resampling, about.bounds) if about.has_interval else None,
        measured=measured.is_measured(name),
        noise_floor=floor,
        about=about,
    )


def _provenance(sample: Sample, settings: Evaluate, provenance: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **provenance,
        "n_rows": len(sample.rows),
        "n_dialogues": len(sample.dialogues),
        "resamples": settings.bootstrap,
        "confidence": settings.confidence,
        "bootstrap_seed": settings.seed,
        "ngram": settings.ngram,
    }
