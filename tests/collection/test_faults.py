"""What is caught among the responses of a model, and what must not be."""

import pytest
from tests.endpoint.conftest import dialogue

from eva.collection.faults import fault_of, is_duplicate
from eva.data.candidates import Candidate
from eva.data.near_duplicates import near_pairs
from eva.data.responses import Response
from eva.models.prompts import LEVEL_PROMPTS

TURN = dialogue("a", 2).supporter_turns().__next__()
CASES = {
    "I'm sorry to hear that you're going through that.": None,
    "I can't imagine how hard that is. I can not help but admire you for it.": None,
    "Would a supporter at work be of help to you?": None,
    "": "empty",
    "As an AI language model, I don't have feelings.": "refusal",
    "I’m sorry, but I can’t assist with that.": "refusal",
    "LEVEL 2: You sound tired.": "leak",
    "Supporter: You sound tired.": "leak",
    "You sound tired.\nUser: Yes I am.": "leak",
    LEVEL_PROMPTS[3][-80:]: "leak",
    "I lost thing 0 of a.": "copy",
    "word " * 31: "over_long",
}


@pytest.mark.parametrize("text", CASES)
def test_a_response_has_the_fault_that_it_has(text: str) -> None:
    assert fault_of(Response.at(TURN, text, finish="stop"), max_words=30) == CASES[text]


@pytest.mark.parametrize(("finish", "fault"), [("length", "cut_off"), ("filtered", "withheld")])
def test_how_it_ended_comes_first(finish: str, fault: str) -> None:
    assert fault_of(Response.at(TURN, "", finish=finish), max_words=30) == fault


def test_near_is_nearly_the_same_words_in_order() -> None:
    other = Candidate.at(TURN, "It sounds like you are really tired of all this today.", 1, "m")
    assert is_duplicate("it sounds like you are really tired of all this, today", [other])
    assert not is_duplicate("All this today sounds like you are tired of it.", [other])


def test_near_texts_are_named_with_the_first_that_they_are_near() -> None:
    left = [("a", "You did what you could for her."), ("b", "Tell me more.")]
    right = [("x", "Call a friend."), ("y", "you did what you could for her!")]
    assert list(near_pairs(left, right)) == [("a", "y")]
