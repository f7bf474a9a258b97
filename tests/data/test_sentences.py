"""Sentences of a response, and those that a rationale points at."""

import math

import pytest

from eva.scorers.sentences import cues, marked, sentences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I am sorry. What happened?! Tell me", ["I am sorry.", "What happened?!", "Tell me"]),
        ("no end mark\n\nand a new line", ["no end mark", "and a new line"]),
        ("It cost 3.50 there... ok", ["It cost 3.50 there...", "ok"]),
        ("Hm. :) !!! Right.", ["Hm.", "Right."]),  # no word character, no sentence
        (":)", [":)"]),
        ("", [""]),
    ],
)
def test_splitting(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


PARTS = ["I am so sorry.", "You must feel alone, and scared.", "Call them today!"]


@pytest.mark.parametrize(
    ("rationales", "expected"),
    [
        (("feel alone",), [False, True, False]),  # shorter than its sentence
        (("I am so sorry. You must feel alone",), [True, True, False]),  # longer than one
        (("YOU MUST FEEL ALONE - and scared",), [False, True, False]),
        (("you must be feeling alone and scared",), [False, True, False]),  # edited: 5 of 6 words shared
        (("sorry", "today"), [True, False, True]),
        (("or",), [True, True, True]),  # part of the word `sorry` is no word, so it points nowhere
        (("...", " "), [True, True, True]),
        ((), [True, True, True]),
    ],
)
def test_marks(rationales: tuple[str, ...], expected: list[bool]) -> None:
    assert marked(PARTS, rationales) == expected


def test_what_has_no_word_is_marked_by_none() -> None:
    assert marked([":)", "so sorry"], ["sorry"]) == [False, True]


def test_cues() -> None:
    assert cues("What now?") == pytest.approx((1.0, math.log(3)))
    assert cues("") == (0.0, 0.0)
