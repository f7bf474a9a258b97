"""Scoring one system's responses: the one function behind `eva score` and the evaluate stage."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import numpy as np

from eva.data.dialogue import LEVELS, NO_LEVEL
from eva.data.responses import Response
from eva.errors import InputError, raise_if
from eva.metrics import evaeval, repetition, response_types
from eva.metrics.catalogue import Metric, select
from eva.metrics.empathy import MECHANISMS
from eva.metrics.sample import Labels, Sample
from eva.scorers.reference import Reference
from eva.settings.evaluate_section import Evaluate
from eva.statistics.bootstrap import Array, Statistic, draw_weights, statistic_interval


class Scorers(Protocol):
    """Classifiers that label responses; one label a row, in order."""

    def problems(self, kinds: Iterable[str]) -> list[str]:
        """Why they cannot give labels of these kinds: `level`, `epitome/ip`, …; nothing is loaded."""

    def levels(self, rows: Sequence[Response]) -> Sequence[int]:
        """Level of emotional validation, 1 to 4, or 0 for none."""

    def degrees(self, mechanism: str, rows: Sequence[Response]) -> Sequence[int]:
        """EPITOME degree, 0 to 2, of `ip`, `ex` or `er`."""


@dataclass(frozen=True)
class MetricValue:
    """A value with all that is needed to read it; `noise_floor` is what the reference itself gets."""

    value: float
    n: int
    ci: tuple[float, float] | None
    definition: str
    unit: str
    higher_is_better: bool | None
    noise_floor: float | None = None

    def to_dict(self) -> dict[str, Any]:
        row = asdict(self) | {"ci": None if self.ci is None else list(self.ci)}
        if self.noise_floor is None:
            del row["noise_floor"]
        return row


@dataclass(frozen=True)
class ScoreResult:
    """Values by metric name, the tables behind them, and what comparisons need.

    `labels` has one row per response: dialogue, turn and every label that a scorer gave.
    """

    metrics: dict[str, MetricValue]
    details: dict[str, Any]
    provenance: dict[str, Any]
    labels: list[dict[str, Any]]
    sample: Sample
    statistics: dict[str, Statistic] = field(repr=False)
    chosen: list[Metric] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """The JSON of `eva score --json` and of the metrics files."""
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

    Everything that cannot work is one `InputError`, before any scorer runs.
    """
    chosen = select(metrics)
    families = {metric.family for metric in chosen}
    raise_if(_impossible(rows, chosen, scorers, reference), "score")
    sample = _label(rows, chosen, scorers, reference, settings.ngram)
    statistics = {metric.name: metric.compute(sample) for metric in chosen}
    weights = draw_weights(len(sample.dialogues), settings.bootstrap, settings.seed)
    floor = _floor(families, sample, settings)
    values = {
        metric.name: _value(metric, statistics[metric.name], weights, settings, floor) for metric in chosen
    }
    return ScoreResult(
        metrics=values,
        details=_details(families, sample, floor),
        provenance=_provenance(sample, settings, provenance),
        labels=_labels(sample),
        sample=sample,
        statistics=statistics,
        chosen=chosen,
    )


def _impossible(
    rows: Sequence[Response],
    chosen: Sequence[Metric],
    scorers: Scorers | None,
    reference: Reference | None,
) -> list[str]:
    families = {metric.family for metric in chosen}
    problems = [] if rows else ["there are no rows to score"]
    bare = [row for row in rows if not row.reference]
    if "overlap" in families and bare:
        places = ", ".join(str(row.line) for row in bare[:10]) + (", …" if len(bare) > 10 else "")
        problems.append(
            f"BLEU and ROUGE need a `reference`, which {len(bare)} of {len(rows)} rows lack "
            f"(line {places}): add references, or leave `overlap` out of the metrics"
        )
    if scorers is not None:
        problems += scorers.problems(_kinds(chosen))
    else:
        unlabelled = sorted(families & {"epitome", "evaeval"})
        problems += [f"`{one}` needs trained scorers: give them, or leave it out" for one in unlabelled]
    if "evaeval" in families and reference is None:
        problems.append("`evaeval` needs the reference histogram V (reference.json of `level_classifier`)")
    return problems


def _kinds(chosen: Sequence[Metric]) -> list[str]:
    """The kinds of labels that the metrics need."""
    names = {metric.name for metric in chosen}
    mechanisms = [f"epitome/{one}" for one in MECHANISMS if f"epitome/{one}" in names]
    return [*mechanisms, *(["level"] if any(metric.family == "evaeval" for metric in chosen) else [])]


def _label(
    rows: Sequence[Response],
    chosen: Sequence[Metric],
    scorers: Scorers | None,
    reference: Reference | None,
    ngram: int,
) -> Sample:
    kinds = _kinds(chosen)
    mechanisms = [kind.removeprefix("epitome/") for kind in kinds if kind != "level"]
    levels, degrees = None, {}
    if scorers is not None:
        degrees = {name: _checked(rows, scorers.degrees(name, rows), (0, 1, 2), name) for name in mechanisms}
        if "level" in kinds:
            levels = _checked(rows, scorers.levels(rows), (NO_LEVEL, *LEVELS), "level")
    return Sample(tuple(rows), levels, degrees, reference, ngram)


def _checked(rows: Sequence[Response], labels: Sequence[int], allowed: Sequence[int], name: str) -> Labels:
    """Labels as an array; an empty response gets 0 whatever the scorer said."""
    given = np.asarray(labels, dtype=np.int64)
    if len(given) != len(rows) or not np.isin(given, allowed).all():
        found = sorted(set(given.tolist()))
        raise InputError(
            f"scorer `{name}`: gave {len(given)} labels {found} for {len(rows)} rows, expected one of "
            f"{list(allowed)} each; it was trained for another label set: train or choose another"
        )
    silent = np.array([not row.response.strip() for row in rows])
    return np.where(silent, 0, given)


def _floor(families: set[str], sample: Sample, settings: Evaluate) -> evaeval.NoiseFloor | None:
    if "evaeval" not in families or sample.reference is None:
        return None
    return evaeval.noise_floor(sample.reference, len(sample.dialogues), settings.seed)


def _value(
    metric: Metric,
    statistic: Statistic,
    weights: Array,
    settings: Evaluate,
    floor: evaeval.NoiseFloor | None,
) -> MetricValue:
    return MetricValue(
        value=statistic.value,
        n=statistic.n,
        ci=statistic_interval(statistic, weights, settings.confidence),
        definition=metric.definition,
        unit=metric.unit,
        higher_is_better=metric.higher_is_better,
        noise_floor=floor.split_half.get(metric.name) if floor else None,
    )


def _details(families: set[str], sample: Sample, floor: evaeval.NoiseFloor | None) -> dict[str, Any]:
    details: dict[str, Any] = {}
    if floor is not None:
        details["evaeval"] = evaeval.detail(sample, floor)
    if "repetition" in families:
        details["repetition"] = repetition.detail(sample)
    if "response_type" in families:
        details["response_type"] = response_types.detail(sample)
    return details


def _provenance(sample: Sample, settings: Evaluate, provenance: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        **(provenance or {}),
        "n_rows": len(sample.rows),
        "n_dialogues": len(sample.dialogues),
        "resamples": settings.bootstrap,
        "confidence": settings.confidence,
        "bootstrap_seed": settings.seed,
        "ngram": settings.ngram,
    }


def _labels(sample: Sample) -> list[dict[str, Any]]:
    """One row per response with its scorers' labels, to score again without the scorers."""
    columns = dict(sample.degrees) | ({} if sample.levels is None else {"level": sample.levels})
    return [
        {"dialogue_id": row.dialogue_id, "turn": row.turn}
        | {name: int(column[i]) for name, column in columns.items()}
        for i, row in enumerate(sample.rows)
    ]


@dataclass(frozen=True)
class RecordedScorers:
    """Scorers that give back labels recorded earlier (`ScoreResult.labels`), so that no model is needed."""

    labels: Mapping[tuple[str, int], Mapping[str, int]]

    @classmethod
    def from_rows(cls, rows: Sequence[Mapping[str, Any]]) -> "RecordedScorers":
        """From the rows of a labels file."""
        return cls({(row["dialogue_id"], row["turn"]): row for row in rows})

    def problems(self, kinds: Iterable[str]) -> list[str]:
        return []  # labels are missing or there: what is missing is found by row

    def levels(self, rows: Sequence[Response]) -> list[int]:
        return self._column(rows, "level")

    def degrees(self, mechanism: str, rows: Sequence[Response]) -> list[int]:
        return self._column(rows, mechanism)

    def _column(self, rows: Sequence[Response], name: str) -> list[int]:
        absent = [row.key for row in rows if name not in self.labels.get(row.key, {})]
        raise_if((f"dialogue {key[0]!r} turn {key[1]} has no `{name}`" for key in absent[:20]), "labels")
        return [self.labels[row.key][name] for row in rows]
