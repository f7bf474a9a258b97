"""Results of a study: shares of win, tie and lose (or yes and no), majorities, agreement, side bias."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from eva.human.agreement import alpha_by_dialogue, kappa_by_dialogue
from eva.human.ratings import Counts, Ratings
from eva.settings.evaluate_section import Evaluate
from eva.statistics.bootstrap import Bounds, Resampling, infer
from eva.statistics.estimators import Statistic
from eva.statistics.spread import estimate

NO_MAJORITY = "none"
_RESAMPLED = "Interval: studentised bootstrap over dialogues, with all ratings of a drawn dialogue"


@dataclass(frozen=True)
class FigureValue:
    """A statistic of a study with its confidence interval from a bootstrap over dialogues."""

    value: float
    n: int
    ci: tuple[float, float] | None
    definition: str
    unit: str
    higher_is_better: bool | None

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "ci": None if self.ci is None else list(self.ci)}


@dataclass(frozen=True)
class Outcome:
    """The statistics by name (`human/<criterion>/…`), the votes on each item, and undefined statistics."""

    metrics: dict[str, FigureValue]
    items: list[dict[str, Any]]
    undefined: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Figure:
    """A statistic before its interval is computed."""

    name: str
    statistic: Statistic
    unit: str
    definition: str
    higher_is_better: bool | None = None
    bounds: Bounds = (0, 100)
    difference: bool = False


def summarise(ratings: Ratings, settings: Evaluate) -> Outcome:
    """All statistics of a study, with confidence intervals from a bootstrap over its dialogues."""
    resampling = Resampling.of(settings)
    figures = list(_figures(ratings))
    defined = [one for one in figures if one.statistic.n and not np.isnan(one.statistic.value)]
    return Outcome(
        metrics={figure.name: _value(figure, resampling) for figure in defined},
        items=_item_rows(ratings),
        undefined=[
            f"{figure.name}: needs two raters, and ratings that are not all the same"
            for figure in figures
            if figure.name not in {one.name for one in defined}
        ],
    )


def majority(counts: Counts) -> Counts:
    """One-hot rows of the label that more than half of an item's raters gave; zeros if there is none.

    `counts` and the result are (items, labels).
    """
    return np.asarray(2 * counts > counts.sum(axis=1, keepdims=True), dtype=np.int64)


def _figures(ratings: Ratings) -> Iterator[_Figure]:
    form, (_, dialogue_of) = ratings.key.form, ratings.dialogue_of()
    labelled = {one.name: ratings.labels(one.name) for one in form.criteria}
    for name, counts in labelled.items():
        yield from _shares(ratings, name, counts, dialogue_of)
        yield from _agreement(f"human/{name}", counts, dialogue_of)
    if form.is_pairwise:
        together = np.concatenate(list(labelled.values()))
        yield from _agreement("human", together, np.tile(dialogue_of, len(labelled)))
        yield _left(ratings, dialogue_of)


def _shares(ratings: Ratings, name: str, counts: Counts, dialogue_of: Counts) -> Iterator[_Figure]:
    form = ratings.key.form
    view = f"{ratings.key.systems[0].name}'s" if form.is_pairwise else "the"
    totals = counts.sum(axis=1)
    for i, label in enumerate(form.labels):
        yield _Figure(
            f"human/{name}/{label}",
            _share(100 * counts[:, i], totals, dialogue_of),
            "percent",
            f"Ratings `{label}`, from {view} view, divided by all ratings of {name}. {_RESAMPLED}.",
        )
    if form.is_pairwise:
        yield _Figure(
            f"human/{name}/net",
            _share(100 * (counts @ np.array(form.scores)), totals, dialogue_of),
            "points",
            f"Percent of `win` minus percent of `lose` of all ratings of {name}, with ties. {_RESAMPLED}.",
            higher_is_better=True,
            bounds=(-100, 100),
            difference=True,
        )
    agreed = majority(counts)
    for i, label in enumerate(form.labels):
        yield _Figure(
            f"human/{name}/majority_{label}",
            _share(100 * agreed[:, i], np.ones(len(agreed), dtype=np.int64), dialogue_of),
            "percent of items",
            f"Items for which more than half of the raters chose `{label}` in {name}, divided by all items "
            f"(also those without a majority). {_RESAMPLED}.",
        )


def _share(parts: Counts, wholes: Counts, dialogue_of: Counts) -> Statistic:
    sums = np.zeros((int(dialogue_of.max()) + 1, 2))
    np.add.at(sums, dialogue_of, np.column_stack([parts, wholes]))
    return Statistic(sums, n=int(wholes.sum()))


def _agreement(name: str, counts: Counts, dialogue_of: Counts) -> Iterator[_Figure]:
    items = "items, each criterion's ratings of an item" if name == "human" else "items"
    for unit, title, statistic in (
        ("kappa", "Fleiss' kappa", kappa_by_dialogue(counts, dialogue_of)),
        ("alpha", "Krippendorff's alpha (nominal)", alpha_by_dialogue(counts, dialogue_of)),
    ):
        yield _Figure(
            f"{name}/{unit}",
            statistic,
            unit,
            f"{title} over {items} with two raters or more; n counts ratings. {_RESAMPLED}.",
            higher_is_better=True,
            bounds=(-1, 1),
        )


def _left(ratings: Ratings, dialogue_of: Counts) -> _Figure:
    """The share of the left side: raters who prefer a side regardless of content blur every comparison."""
    chosen = np.sum(list(ratings.chosen.values()), axis=0)
    return _Figure(
        "human/left",
        _share(100 * chosen[:, 0], chosen[:, 0] + chosen[:, -1], dialogue_of),
        "percent",
        "Ratings for the response on the left, divided by all that are not ties, over all criteria; 50 "
        f"without side bias, because each system is on the left equally often. {_RESAMPLED}.",
    )


def _value(figure: _Figure, resampling: Resampling) -> FigureValue:
    return FigureValue(
        value=figure.statistic.value,
        n=figure.statistic.n,
        ci=infer(estimate([figure.statistic]), resampling, figure.bounds, difference=figure.difference).ci,
        definition=figure.definition,
        unit=figure.unit,
        higher_is_better=figure.higher_is_better,
    )


def _item_rows(ratings: Ratings) -> list[dict[str, Any]]:
    """One row per item: its dialogue and turn, and for each criterion votes, majority label and score."""
    form = ratings.key.form
    rows: list[dict[str, Any]] = [
        {"item": item.name, "dialogue_id": item.dialogue_id, "turn": item.turn} for item in ratings.key.items
    ]
    for name in (one.name for one in form.criteria):
        counts, scores = ratings.labels(name), ratings.scores(name)
        agreed = majority(counts)
        for row, votes, top, human in zip(rows, counts, agreed, scores, strict=True):
            label = form.labels[int(top.argmax())] if top.any() else NO_MAJORITY
            row[name] = {
                "votes": dict(zip(form.labels, votes.tolist(), strict=True)),
                "majority": label,
                "score": float(human),
            }
    return rows
