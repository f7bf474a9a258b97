"""Fleiss' kappa and Krippendorff's alpha of a round: over all candidates, and by level."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eva.annotation.level_descriptions import LABELS
from eva.annotation.round_key import Kind, Round
from eva.annotation.task_answers import Answer
from eva.annotation.votes import first_answers
from eva.data.candidates import Candidate
from eva.human.agreement import alpha_by_dialogue, kappa_by_dialogue
from eva.human.ratings import Counts
from eva.statistics.bootstrap import Resampling, infer
from eva.statistics.estimators import Statistic
from eva.statistics.spread import estimate
from eva.statistics.verdicts import FEWEST_DIALOGUES

_BOUNDS = (-1.0, 1.0)
_FIRST, _LAST, _BETWEEN, _FLAGGED = range(4)


@dataclass(frozen=True, slots=True)
class Coefficient:
    """A coefficient of agreement with its interval; None where it is not defined."""

    value: float | None
    ci: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement on `subjects` candidates: all of them, or those of one level."""

    of: str
    kappa: Coefficient
    alpha: Coefficient
    subjects: int
    votes: int


def agreement(made: Round, given: Sequence[Answer], resampling: Resampling) -> tuple[list[Agreement], str]:
    """Kappa and alpha over all candidates and by level, and what the intervals resample.

    Subjects are candidates of items. In a round of rankings an annotator puts each into one of four
    categories: most appropriate, least, between, or unusable; `level` is then the one that the candidate
    was written for. In a round of levels the categories are the labels, and agreement on a level is
    agreement on whether a candidate has it.
    """
    subjects = [(item, one) for item, found in made.items.items() for one in found]
    counts = _counts(made.key.kind, subjects, first_answers(given))
    groups, unit = _groups([one for _, one in subjects])
    rows = [_row("all", counts, groups, resampling)]
    if made.key.kind is Kind.LEVELS:
        total = counts.sum(axis=1)
        split = {name: np.column_stack([counts[:, i], total - counts[:, i]]) for i, name in LABELS.items()}
        rows += [_row(_level_name(level), one, groups, resampling)
                 for level, one in zip(LABELS, split.values(), strict=True)]  # fmt: skip
        return rows, unit
    levels = np.array([-1 if one.level is None else one.level for _, one in subjects])
    for level in sorted(set(levels.tolist())) if len(set(levels.tolist())) > 1 else []:
        of = levels == level
        rows.append(_row(_level_name(level), counts[of], groups[of], resampling))
    return rows, unit


def _level_name(level: int) -> str:
    return {-1: "no level asked", 0: "none"}.get(level, f"level {level}")


def _groups(candidates: Sequence[Candidate]) -> tuple[Counts, str]:
    """The index of what is resampled: dialogues, or single items where dialogues are too few."""
    dialogues, index = np.unique([one.dialogue_id for one in candidates], return_inverse=True)
    if len(dialogues) >= FEWEST_DIALOGUES:
        return np.asarray(index, dtype=np.int64), "dialogues"
    _, index = np.unique([one.item for one in candidates], return_inverse=True)
    return np.asarray(index, dtype=np.int64), f"items, as there are only {len(dialogues)} dialogues"


def _counts(kind: Kind, subjects: Sequence[tuple[str, Candidate]], given: Sequence[Answer]) -> Counts:
    """(subjects, categories) how many annotators put each candidate into each category."""
    place = {(item, one.candidate): i for i, (item, one) in enumerate(subjects)}
    width = len(LABELS) + 1 if kind is Kind.LEVELS else 4
    counts = np.zeros((len(subjects), width), dtype=np.int64)
    for answer in given:
        for name, category in _categories(answer, kind):
            counts[place[answer.task.item, name], category] += 1
    return counts


def _categories(answer: Answer, kind: Kind) -> list[tuple[str, int]]:
    if kind is Kind.LEVELS:
        return [*answer.levels, *((name, len(LABELS)) for name in answer.unusable)]
    last = len(answer.order) - 1
    of = [_FIRST if i == 0 else _LAST if i == last else _BETWEEN for i in range(last + 1)]
    return [*zip(answer.order, of, strict=True), *((name, _FLAGGED) for name in answer.unusable)]


def _row(of: str, counts: Counts, groups: Counts, resampling: Resampling) -> Agreement:
    groups = np.asarray(np.unique(groups, return_inverse=True)[1], dtype=np.int64)  # those in these rows
    kappa, alpha = (_coefficient(statistic(counts, groups), resampling)
                    for statistic in (kappa_by_dialogue, alpha_by_dialogue))  # fmt: skip
    return Agreement(of, kappa, alpha, int((counts.sum(axis=1) > 1).sum()), int(counts.sum()))


def _coefficient(statistic: Statistic, resampling: Resampling) -> Coefficient:
    if not statistic.n or np.isnan(statistic.value):
        return Coefficient(None, None)
    return Coefficient(statistic.value, infer(estimate([statistic]), resampling, _BOUNDS).ci)
