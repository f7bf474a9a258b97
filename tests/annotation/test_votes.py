"""Majority, the limit on votes against it, flags, ties."""

from fractions import Fraction

import pytest
from docs.studies.simulated_annotators import invented

from eva.annotation.assignment import Task
from eva.annotation.task_answers import Answer
from eva.annotation.votes import MOST_AGAINST, Decision, decide_levels, decide_rankings
from eva.data.candidates import by_item

ITEMS = by_item(invented(1, 1))
((ITEM, FOUND),) = ITEMS.items()
A, B, C, D = (one.candidate for one in FOUND)


def ranked(order: str, flagged: str = "", *, repeat: bool = False) -> Answer:
    names = dict(zip("abcd", (A, B, C, D), strict=True))
    task = Task("t1", ITEM, (A, B, C, D), repeat)
    put, out = (tuple(names[letter] for letter in letters) for letters in (order, flagged))
    return Answer("x", task, put, (), out, 1.0, "")


def decided(*answers: Answer) -> Decision:
    (only,) = decide_rankings(answers, ITEMS, MOST_AGAINST)
    return only


@pytest.mark.parametrize(
    ("annotators", "most"),
    [
        (1, 0),
        (2, 0),
        (3, 1),
        (4, 1),
        (5, 2),
        (6, 2),
        (7, 2),
        (8, 3),
        (9, 3),
        (10, 4),
        (11, 4),
        (12, 5),
        (15, 6),
    ],
)
def test_the_limit_is_the_papers_of_twelve_and_the_same_share_of_others(annotators: int, most: int) -> None:
    """Appendix E: out if more than five of twelve disagree with the majority."""
    for against in range(annotators // 2 + 1):
        votes = [ranked("abcd")] * (annotators - against) + [ranked("bacd")] * against
        found = decided(*votes)
        assert found.kept == (against <= most)
        if against < annotators - against:
            assert (found.order[0], found.against) == (A, against)


def test_first_last_and_between() -> None:
    """b is first by most first places though a's mean place is as good; d last; between by mean place."""
    found = decided(ranked("bacd"), ranked("bacd"), ranked("acbd"), ranked("bcad"), ranked("acdb"))
    assert found.order == (B, A, C, D)
    assert (found.against, found.against_last, found.annotators) == (2, 1, 5)


def test_what_more_than_half_flag_is_no_candidate() -> None:
    found = decided(
        ranked("bcd", "a"), ranked("cbd", "a"), ranked("abcd"), ranked("bcd", "a"), ranked("bcd", "a")
    )
    assert found.unusable == (A,)
    assert found.order == (B, C, D), "the first of who ranked a is then b"
    assert found.against == 1


def test_a_candidate_that_half_flag_is_still_one() -> None:
    found = decided(ranked("bcd", "a"), ranked("abcd"))
    assert found.unusable == ()
    assert set(found.order) == {A, B, C, D}


def test_an_item_without_two_usable_candidates_is_not_kept() -> None:
    found = decided(*[ranked("b", "acd")] * 3)
    assert (found.order, found.kept, found.against) == ((B,), False, 0)
    nothing = decided(*[ranked("", "abcd")] * 3)
    assert (nothing.order, nothing.kept, nothing.against) == ((), False, 3)


def test_repeats_do_not_vote_and_unranked_items_stay() -> None:
    found = decided(ranked("abcd"), ranked("bacd", repeat=True))
    assert (found.annotators, found.against) == (1, 0)
    assert decided() == Decision(ITEM, (), (), 0, 0, 0, kept=False)


def labelled(levels: list[int | None], who: str) -> Answer:
    pairs = zip((A, B, C, D), levels, strict=True)
    given = tuple((name, level) for name, level in pairs if level is not None)
    flagged = tuple(name for name, level in zip((A, B, C, D), levels, strict=True) if level is None)
    return Answer(who, Task("t1", ITEM, (A, B, C, D)), (), given, flagged, 1.0, "")


def test_levels_by_majority() -> None:
    given = [labelled([1, 2, 0, None], "x"), labelled([1, 3, 0, None], "y"), labelled([2, 4, 0, 4], "z")]
    found = decide_levels(given, ITEMS, MOST_AGAINST)
    assert [one.level for one in found] == [1, 2, 0, None]
    assert [one.against for one in found] == [1, 2, 0, 1]
    assert [one.kept for one in found] == [True, False, True, False]
    assert [one.kept for one in decide_levels(given, ITEMS, Fraction(2, 3))] == [True, True, True, False]
