"""One row for each annotator: how much, how long, how often in error, and signs of not reading."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from eva.annotation import conduct
from eva.annotation.error_rates import NO_VOTE, Votes, count_errors
from eva.annotation.level_descriptions import LABELS
from eva.annotation.round_key import Kind, Round
from eva.annotation.task_answers import Answer
from eva.annotation.votes import first_answers
from eva.data.candidates import Candidate
from eva.statistics.estimators import Array
from eva.statistics.proportions import clopper_pearson


@dataclass(frozen=True, slots=True)
class AnnotatorRow:
    """What one annotator did.

    `errors` of `judged` votes are expected to be wrong (`error_rates`); a vote is the best
    candidate of an item, or the level of a candidate. `seconds` is the median per task; times are None
    where the tool does not tell them. `signs` say what is odd about the answers.
    """

    annotator: str
    tasks: int
    seconds: float | None
    minutes: float | None
    errors: int
    judged: int
    error_ci: tuple[float, float]
    flagged: int
    reversed: int
    comparisons: int
    signs: tuple[str, ...]

    @property
    def error(self) -> float | None:
        return self.errors / self.judged if self.judged else None


def annotator_rows(made: Round, given: Sequence[Answer], confidence: float) -> list[AnnotatorRow]:
    """A row for each annotator who answered anything, in the order of their names."""
    names = sorted({answer.annotator for answer in given})
    votes, n_classes = _votes(made, first_answers(given), names)
    errors, judged = count_errors(votes, n_classes)
    chance = float(np.mean(1 - 1 / n_classes))
    rows = []
    for i, name in enumerate(names):
        own = [answer for answer in given if answer.annotator == name]
        wrong, n = int(errors[i]), int(judged[i])
        ci = clopper_pearson(wrong, n, confidence)
        reversed_, comparisons = _repeats(own)
        signs = [*_signs(made, own, given), *_consistency(reversed_, comparisons)]
        if n and conduct.is_guessing(ci[1], chance):
            signs.append(f"may be guessing: the interval of the error rate holds {chance:.0%}")
        times = [answer.seconds for answer in own if answer.seconds is not None]
        rows.append(
            AnnotatorRow(
                annotator=name,
                tasks=len(own),
                seconds=float(np.median(times)) if times else None,
                minutes=sum(times) / 60 if times else None,
                errors=wrong,
                judged=n,
                error_ci=ci,
                flagged=sum(len(answer.unusable) for answer in own),
                reversed=reversed_,
                comparisons=comparisons,
                signs=tuple(signs),
            )
        )
    return rows


def _votes(made: Round, given: Sequence[Answer], names: Sequence[str]) -> tuple[Votes, Votes]:
    """(subjects, annotators) votes and (subjects,) numbers of classes: items, or candidates of items."""
    column = {name: i for i, name in enumerate(names)}
    if made.key.kind is Kind.RANKING:
        place = {item: i for i, item in enumerate(made.items)}
        classes = {item: [one.candidate for one in found] for item, found in made.items.items()}
        votes = np.full((len(place), len(names)), NO_VOTE)
        for answer in given:
            if answer.order:
                item = answer.task.item
                votes[place[item], column[answer.annotator]] = classes[item].index(answer.order[0])
        return votes, np.array([len(found) for found in made.items.values()])
    subjects = [(item, one.candidate) for item, found in made.items.items() for one in found]
    row = {subject: i for i, subject in enumerate(subjects)}
    votes = np.full((len(subjects), len(names)), NO_VOTE)
    for answer in given:
        for name, level in answer.levels:
            votes[row[answer.task.item, name], column[answer.annotator]] = level
    return votes, np.full(len(subjects), len(LABELS))


def _repeats(own: Sequence[Answer]) -> tuple[int, int]:
    """How many comparisons turned out otherwise when an item came again, and how many there were."""
    first = {answer.task.item: answer for answer in own if not answer.task.repeat}
    found = [
        _compared(first[answer.task.item], answer)
        for answer in own
        if answer.task.repeat and answer.task.item in first
    ]
    return sum(reversed_ for reversed_, _ in found), sum(n for _, n in found)


def _compared(first: Answer, again: Answer) -> tuple[int, int]:
    if not first.levels:
        return conduct.compare_orders(first.order, again.order)
    before, after = dict(first.levels), dict(again.levels)
    both = before.keys() & after.keys()
    return sum(before[name] != after[name] for name in both), len(both)


def _consistency(reversed_: int, comparisons: int) -> Iterator[str]:
    if conduct.is_inconsistent(reversed_, comparisons):
        yield f"intransitive: {reversed_} of {comparisons} comparisons came out otherwise the second time"


def _signs(made: Round, own: Sequence[Answer], given: Sequence[Answer]) -> Iterator[str]:
    texts = {(item, one.candidate): one for item, found in made.items.items() for one in found}
    timed = [answer for answer in own if answer.seconds is not None]
    words = [sum(len(texts[a.task.item, name].text.split()) for name in a.task.shown) for a in timed]
    seconds = [answer.seconds or 0.0 for answer in timed]
    if conduct.is_fast(seconds, words):
        yield f"too fast: {conduct.fast_share(seconds, words):.0%} of the tasks faster than they can be read"
    ranked = [answer for answer in own if answer.order]
    places = [answer.task.shown.index(answer.order[0]) for answer in ranked]
    place = conduct.constant_place(places, [len(answer.task.shown) for answer in ranked])
    if place is not None:
        share = places.count(place) / len(places)
        yield f"constant: response {chr(97 + place)} of the screen is the best in {share:.0%} of the tasks"
    yield from _constant_level(first_answers(own), first_answers(given), texts)


def _constant_level(
    own: Sequence[Answer], given: Sequence[Answer], texts: Mapping[tuple[str, str], Candidate]
) -> Iterator[str]:
    mine = {subject: level for answer in own for subject, level in _levels(answer, texts)}
    names = {answer.annotator for answer in own}
    others: dict[tuple[str, str], Array] = {subject: np.full(5, 0.5 / 5) for subject in mine}
    for answer in given:
        if answer.annotator not in names:
            for subject, level in _levels(answer, texts):
                if subject in others:
                    others[subject][level] += 1
    shares = [counts / counts.sum() for counts in others.values()]
    constant = conduct.constant_level(list(mine.values()), shares)
    if constant is not None:
        yield f"constant: nearly always level {constant}, unlike the others on the same items"


def _levels(
    answer: Answer, texts: Mapping[tuple[str, str], Candidate]
) -> Iterator[tuple[tuple[str, str], int]]:
    """What others are compared with: the level of the best candidate, or each level that was given."""
    item = answer.task.item
    if answer.order:
        level = texts[item, answer.order[0]].level
        if level is not None:
            yield (item, ""), level
    for name, given in answer.levels:
        yield (item, name), given
