"""What the figures show: levels over time, response types, repeated phrases; seeds averaged."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from eva.evaluation.repetition import THRESHOLDS
from eva.evaluation.report.comparison import Group
from eva.evaluation.report.inputs import ReportInputs, Scored
from eva.evaluation.response_types import TYPE_NAMES


@dataclass(frozen=True)
class Phrases:
    """The most frequent phrases of one variant, with the percent of its responses that have each."""

    variant: str
    rows: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Analysis:
    """What the figures of one corpus and backbone show, seeds averaged."""

    corpus: str
    backbone: str
    levels: dict[str, dict[str, list[float]]]
    reference: dict[str, list[float]]
    response_types: dict[str, dict[str, float]]
    repetition: dict[str, dict[str, float]]
    phrases: tuple[Phrases, ...]


def analyse(inputs: ReportInputs, group: Group) -> Analysis:
    """Level profiles, response types and repetition of a group's variants."""
    members = {
        row.variant: [
            scored
            for scored in inputs.scored
            if (scored.item.corpus, scored.item.backbone, scored.item.variant)
            == (group.corpus, group.backbone, row.variant)
            and scored.applies
        ]
        for row in group.rows
    }
    runs = {variant: found for variant, found in members.items() if found}
    with_levels = {v: found for v, found in runs.items() if "evaeval" in found[0].scores["details"]}
    first = next(iter(with_levels.values()), None)
    return Analysis(
        corpus=group.corpus,
        backbone=group.backbone,
        levels={variant: _mean_profile(found) for variant, found in with_levels.items()},
        reference=first[0].scores["details"]["evaeval"]["V"] if first else {},
        response_types=_mean_metrics(runs, "response_type", TYPE_NAMES),
        repetition={
            variant: {key.removeprefix("over_"): value for key, value in row.items()}
            for variant, row in _mean_metrics(runs, "repetition", [f"over_{t}" for t in THRESHOLDS]).items()
        },
        phrases=tuple(_phrases(variant, found[0]) for variant, found in runs.items()),
    )


def _mean_profile(runs: Sequence[Scored]) -> dict[str, list[float]]:
    profiles = [scored.scores["details"]["evaeval"]["T"] for scored in runs]
    return {
        level: [sum(column) / len(column) for column in zip(*(p[level] for p in profiles), strict=True)]
        for level in profiles[0]
    }


def _mean_metrics(
    runs: Mapping[str, Sequence[Scored]], family: str, names: Iterable[str]
) -> dict[str, dict[str, float]]:
    """Values of `<family>/<name>` by variant; variants without the family are left out."""
    listed = list(names)
    return {
        variant: {
            name: sum(s.scores["metrics"][f"{family}/{name}"]["value"] for s in found) / len(found)
            for name in listed
        }
        for variant, found in runs.items()
        if all(f"{family}/{name}" in found[0].scores["metrics"] for name in listed)
    }


def _phrases(variant: str, scored: Scored, size: int = 4) -> Phrases:
    order = str(scored.scores["provenance"]["ngram"])
    rows = scored.scores["details"].get("repetition", {}).get(order, [])[:size]
    return Phrases(variant, tuple((row["phrase"], row["response_share"]) for row in rows))
