"""What the figures show: levels over time, response types, repeated phrases."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from eva.metrics.repetition import ORDERS, THRESHOLDS, Phrase, phrase_table
from eva.metrics.response_types import TYPE_NAMES
from eva.metrics.sample import Sample
from eva.metrics.score import ScoreResult
from eva.report.comparison import Group
from eva.report.runs import Runs


@dataclass(frozen=True)
class Phrases:
    """The most frequent phrases of one variant by their number of words, all seeds pooled.

    `n_dialogues` counts a dialogue once a seed, because each seed answered it anew.
    """

    variant: str
    n_responses: int
    n_dialogues: int
    by_order: dict[int, tuple[Phrase, ...]]


@dataclass(frozen=True)
class Analysis:
    """What the figures of one corpus and backbone show.

    `levels` are T by variant (mean over seeds) and `reference` is V, both by level over the
    quartiles; `level_counts` are the turns behind T, all seeds together. Response types and
    repetition are in percent, seeds averaged. `ngram` is the phrase length of the metrics.
    """

    corpus: str
    backbone: str
    levels: dict[str, dict[str, list[float]]]
    level_counts: dict[str, dict[str, int]]
    reference: dict[str, list[float]]
    response_types: dict[str, dict[str, float]]
    repetition: dict[str, dict[str, float]]
    ngram: int
    phrases: tuple[Phrases, ...]


def analyse(runs: Runs, group: Group) -> Analysis:
    """Level profiles, response types and repetition of a group's variants."""
    levelled = {v: found for v, found in runs.scored.items() if "evaeval" in found[0].details}
    first = next(iter(levelled.values()), None)
    shares = _by_variant(group, [f"repetition/over_{t}" for t in THRESHOLDS])
    return Analysis(
        corpus=runs.corpus,
        backbone=runs.backbone,
        levels={variant: _mean_profile(found) for variant, found in levelled.items()},
        level_counts={variant: _counts(found) for variant, found in levelled.items()},
        reference=first[0].details["evaeval"]["V"] if first else {},
        response_types=_by_variant(group, [f"response_type/{key}" for key in TYPE_NAMES]),
        repetition={
            v: {name.removeprefix("over_"): value for name, value in row.items()} for v, row in shares.items()
        },
        ngram=runs.settings.ngram,
        phrases=tuple(_phrases(variant, found) for variant, found in runs.scored.items()) if shares else (),
    )


def _mean_profile(results: Sequence[ScoreResult]) -> dict[str, list[float]]:
    profiles = [result.details["evaeval"]["T"] for result in results]
    return {
        level: [sum(column) / len(column) for column in zip(*(p[level] for p in profiles), strict=True)]
        for level in profiles[0]
    }


def _counts(results: Sequence[ScoreResult]) -> dict[str, int]:
    counts = [result.details["evaeval"]["counts"] for result in results]
    return {level: sum(sum(one[level]) for one in counts) for level in counts[0]}


def _by_variant(group: Group, names: Iterable[str]) -> dict[str, dict[str, float]]:
    """Values by variant and last part of the name; variants without the family are left out."""
    listed = list(names)
    return {
        row.variant: {name.partition("/")[2]: row.cells[name].value for name in listed}
        for row in group.rows
        if row.cells.keys() >= set(listed)
    }


def _phrases(variant: str, results: Sequence[ScoreResult]) -> Phrases:
    sample = pooled(results)
    tables = {order: tuple(phrase_table(sample, order)) for order in ORDERS}
    return Phrases(variant, len(sample.rows), len(sample.dialogues), tables)


def pooled(results: Sequence[ScoreResult]) -> Sample:
    """The responses of all seeds as one sample, in which every seed has dialogues of its own."""
    rows = tuple(
        replace(row, dialogue_id=f"{number}:{row.dialogue_id}")
        for number, result in enumerate(results)
        for row in result.sample.rows
    )
    return Sample(rows, ngram=results[0].sample.ngram)
