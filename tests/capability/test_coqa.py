"""CoQA's scores by hand: SQuAD's normalisation, the best of all annotators but one."""

import pytest

from eva.capability.patched_tasks import coqa

DOC = {
    "story": "Ann has a red cat.",
    "questions": {"input_text": ["Who has a cat?", "What colour is it?"]},
    "answers": {"input_text": ["Ann", "The red."]},
    "additional_answers": {
        "0": {"input_text": ["Ann does", "dark red"]},
        "1": {"input_text": ["she", "the RED."]},
    },
}


def test_prompt_holds_every_answer_but_the_last() -> None:
    assert coqa.prompt(DOC) == (
        "Ann has a red cat.\n\nQ: Who has a cat?\n\nA: Ann\n\nQ: What colour is it?\n\nA:"
    )


def test_answers_that_differ_in_case_count_once() -> None:
    assert coqa.answers(DOC) == ["The red.", "dark red"]


def test_score_leaves_one_annotator_out_at_a_time() -> None:
    """`red` equals the first answer; against the second alone F1 is 2 * 1 / (1 + 2)."""
    found = coqa.score(DOC, [" Red!\nQ: more"])
    assert found["em"] == pytest.approx((1 + 0) / 2)
    assert found["f1"] == pytest.approx((1 + 2 / 3) / 2)


def test_one_annotator_is_scored_against_alone() -> None:
    alone = {**DOC, "additional_answers": {}}
    assert coqa.score(alone, ["the red"]) == {"em": 1.0, "f1": 1.0}
    assert coqa.score(alone, [""]) == {"em": 0.0, "f1": 0.0}
