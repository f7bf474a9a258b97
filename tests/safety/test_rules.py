"""What the rules find, in the forms that people type."""

import pytest

from eva.safety.normal_form import normal_form
from eva.safety.rule_detector import RuleDetector

RULES = RuleDetector()


def topic(*said: str) -> str | None:
    found = RULES.find(said)
    return found.topic if found else None


@pytest.mark.parametrize(
    "text",
    [
        "I want to kill myself tonight",
        "I'M GOING TO KILL MYSELF",
        "I’m gonna k i l l  my self",
        "i want to k!ll myself",
        "thinking about su1c1de",
        "i wanna unalive myself",
        "kms tonight",
        "I want to dieeee",
        "I do n't want to be alive any more",
        "thinking of sui\u200bcide",
        "ｓｕｉｃｉｄｅ",
    ],
)
def test_suicide_in_disguise(text: str) -> None:
    assert topic(text) == "suicide"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("I cut myself again last night.", "self_harm"),
        ("My husband hits me when he drinks.", "violence"),
        ("He said he'll kill me if I leave.", "violence"),
        ("I can't breathe and my lips are turning blue.", "emergency"),
        ("My best friend told me she wants to kill herself.", "suicide"),
        ("I tried to kill myself last year.", "suicide"),
        ("I wrote down who gets the dog.", "suicide"),
        ("I've decided who should have my guitar.", "suicide"),
        ("i gave all my things away this weekend", "suicide"),
    ],
)
def test_topics(text: str, found: str) -> None:
    assert topic(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "This deadline is killing me.",
        "We couldn't decide who gets the last slice.",
        "My ex and I argue about who gets the dog after the divorce.",
        "I gave my things back to the library.",
        "My boss will kill me if this report is late again.",
        "I'm dying to see my sister again.",
        "My grandmother died on Tuesday and I miss her so much.",
        "I cut my own hair and it looks awful.",
        "I shot myself in the foot by telling her.",
        "The suspense is killing me, they said they'd call by noon.",
        "I lost my job last week and I can't sleep.",
        "",
    ],
)
def test_figures_of_speech_and_sorrow_are_left_to_the_model(text: str) -> None:
    assert topic(text) is None


def test_a_denial_is_referred_like_an_admission() -> None:
    assert topic("I'm not suicidal, I'm just worn out.") == "suicide"


def test_a_sentence_sent_in_two_pieces_is_read_as_one() -> None:
    pieces = ["honestly i want to", "die"]
    assert [topic(piece) for piece in pieces] == [None, None]
    assert topic(*pieces) == "suicide"


def test_what_was_said_once_stands() -> None:
    assert topic("I want to die.", "Sorry, forget it.", "How is the weather?") == "suicide"


def test_normal_form() -> None:
    assert normal_form("I  can’t, and I WON'T\n talk") == "i cannot, and i will not talk"
    assert normal_form("Room 404 costs $100!") == "room 404 costs $100!"


def test_a_long_message_is_read_in_time() -> None:
    """The patterns have bounded gaps; a page of text must not make them crawl."""
    assert topic("i think my friend and the dog in the house were not there " * 200) is None
