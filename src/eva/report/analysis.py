"""The data of the figures: levels over time, response types, repeated phrases."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from eva.metrics.phrases import ORDERS, THRESHOLDS, Phrase
from eva.metrics.score_file import Scores
from eva.metrics.type_phrases import TYPE_NAMES
from eva.report.comparison import Group
from eva.report.runs import Runs


@dataclass(frozen=True)
class Phrases:
    """The most frequent phrases of one variant in the responses of one seed, by number of words.

    `name` is the variant's name, with the seed if there are several.
    """

    name: str
    variant: str
    seed: int
    n_responses: int
    n_dialogues: int
    by_order: dict[int, tuple[Phrase, ...]]


@dataclass(frozen=True)
class Analysis:
    """The data of the figures of one corpus and backbone.

    `levels` is T by variant (mean over seeds) and `reference` is V, both by level over the quartiles;
    `level_counts` counts the turns behind T, summed over seeds. Response types and repetition are in percent,
    averaged over seeds. `ngram` is the phrase length (words) of the metrics.
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
    scored = {variant: runs.scores[variant] for variant in runs.scored}
    levelled = {v: found for v, found in scored.items() if "evaeval" in found[0].details}
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
        ngram=next((found[0].provenance["ngram"] for found in scored.values()), 0),
        phrases=tuple(_every_phrase(runs)) if shares else (),
    )


def _mean_profile(results: Sequence[Scores]) -> dict[str, list[float]]:
    profiles = [result.details["evaeval"]["T"] for result in results]
    return {
        level: [sum(column) / len(column) for column in zip(*(p[level] for p in profiles), strict=True)]
        for level in profiles[0]
    }


def _counts(results: Sequence[Scores]) -> dict[str, int]:
    counts = [result.details["evaeval"]["counts"] for result in results]
    return {level: sum(sum(one[level]) for one in counts) for level in counts[0]}


def _by_variant(group: Group, names: Iterable[str]) -> dict[str, dict[str, float]]:
    """Values by variant and by the last part of the metric's name; variants without values are left out."""
    listed = list(names)
    return {
        row.variant: {name.partition("/")[2]: row.cells[name].value or 0.0 for name in listed}
        for row in group.rows
        if row.cells.keys() >= set(listed)
    }


def _every_phrase(runs: Runs) -> Iterator[Phrases]:
    for variant in runs.scored:
        seeds = runs.seeds[variant]
        for seed, scores in zip(seeds, runs.scores[variant], strict=True):
            name = variant if len(seeds) == 1 else f"{variant} seed {seed}"
            yield _phrases(name, variant, seed, scores)


def _phrases(name: str, variant: str, seed: int, scores: Scores) -> Phrases:
    tables = scores.details["repetition"]
    by_order = {order: tuple(Phrase(**row) for row in tables[str(order)]) for order in ORDERS}
    return Phrases(name, variant, seed, len(scores.measured.turns), scores.measured.n_dialogues, by_order)
