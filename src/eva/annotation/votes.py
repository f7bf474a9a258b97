"""From answers to one decision each: the majority's order of an item, or level of a candidate.

Appendix E: the most and the least appropriate candidate are decided by majority vote, and a case is left
out if more than five of the twelve annotators disagree with the majority's choice. Of any other number of
annotators it is the same share: more than 5/12 of them.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from statistics import fmean

from eva.annotation.task_answers import Answer
from eva.data.candidates import FEWEST_RANKED, Candidate

MOST_AGAINST = Fraction(5, 12)


@dataclass(frozen=True, slots=True)
class Decision:
    """The majority's decision on an item, or on one candidate of an item (round of levels).

    `order` holds the usable candidates, best first (of a level, the one candidate), `unusable` those that
    more than half flagged. `against` of the `annotators` did not choose the first as best (not the
    level); `against_last` not the last as worst.
    """

    item: str
    order: tuple[str, ...]
    unusable: tuple[str, ...]
    annotators: int
    against: int
    against_last: int
    kept: bool
    level: int | None = None


def first_answers(given: Iterable[Answer]) -> list[Answer]:
    """Answers to tasks that the annotator saw for the first time: repeats count for consistency alone."""
    return [answer for answer in given if not answer.task.repeat]


def decide_rankings(
    given: Sequence[Answer], items: Mapping[str, Sequence[Candidate]], most_against: Fraction
) -> list[Decision]:
    """A decision on every item, in the order of `items`; one that nobody ranked is not kept."""
    by_item: dict[str, list[Answer]] = defaultdict(list)
    for answer in first_answers(given):
        by_item[answer.task.item].append(answer)
    return [_ranking(item, found, by_item[item], most_against) for item, found in items.items()]


def _ranking(
    item: str, candidates: Sequence[Candidate], given: Sequence[Answer], most_against: Fraction
) -> Decision:
    if not given:
        return Decision(item, (), (), 0, 0, 0, kept=False)
    flags = Counter(name for answer in given for name in answer.unusable)
    unusable = tuple(one.candidate for one in candidates if 2 * flags[one.candidate] > len(given))
    usable = [one.candidate for one in candidates if one.candidate not in unusable]
    votes = [[name for name in answer.order if name in usable] for answer in given]
    mean = {name: fmean(v.index(name) if name in v else len(usable) for v in votes) for name in usable}
    best, worst = (Counter(vote[end] for vote in votes if vote) for end in (0, -1))
    order = _order(usable, best, worst, mean)
    against, against_last = (len(given) - count[order[end]] if order else len(given)
                             for count, end in ((best, 0), (worst, -1)))  # fmt: skip
    kept = len(usable) >= FEWEST_RANKED and against <= most_against * len(given)
    return Decision(item, order, unusable, len(given), against, against_last, kept)


def _order(
    usable: Sequence[str], best: Counter[str], worst: Counter[str], mean: Mapping[str, float]
) -> tuple[str, ...]:
    """First the candidate that most chose as best, last (of the others) as worst, between by mean place."""
    left = sorted(usable, key=lambda name: (mean[name], name))
    if len(left) < FEWEST_RANKED:
        return tuple(left)
    first = min(left, key=lambda name: (-best[name], mean[name], name))
    left.remove(first)
    last = min(left, key=lambda name: (-worst[name], -mean[name], name))
    left.remove(last)
    return (first, *left, last)


def decide_levels(
    given: Sequence[Answer], items: Mapping[str, Sequence[Candidate]], most_against: Fraction
) -> list[Decision]:
    """A decision on every candidate; of levels with equally many votes the lowest."""
    votes: dict[tuple[str, str], Counter[int | None]] = defaultdict(Counter)
    for answer in first_answers(given):
        labelled: list[tuple[str, int | None]] = [*answer.levels, *((name, None) for name in answer.unusable)]
        for name, level in labelled:
            votes[answer.task.item, name][level] += 1
    return [
        _level(item, one.candidate, votes[item, one.candidate], most_against)
        for item, candidates in items.items()
        for one in candidates
    ]


def _level(item: str, name: str, votes: Counter[int | None], most_against: Fraction) -> Decision:
    n = votes.total()
    if not n:
        return Decision(item, (name,), (), 0, 0, 0, kept=False)
    if 2 * votes[None] > n:
        return Decision(item, (), (name,), n, n - votes[None], 0, kept=False)
    level, count = min(
        ((level, count) for level, count in votes.items() if level is not None),
        key=lambda pair: (-pair[1], pair[0]),
        default=(None, 0),
    )
    kept = level is not None and n - count <= most_against * n
    return Decision(item, (name,), (), n, n - count, 0, kept=kept, level=level)
