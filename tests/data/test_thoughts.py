"""Thoughts are cut out of what a model says, however they are marked."""

import pytest

from eva.data.thoughts import Parted, is_thought_mark, part_thoughts

SAID = "I am with you."


@pytest.mark.parametrize(
    ("text", "thoughts"),
    [
        (SAID, ()),
        (f"<think>They grieve.</think>\n\n{SAID}", ("They grieve.",)),
        (f"<think>\n\n</think>\n\n{SAID}", ()),
        (f"They grieve.\n</think>\n{SAID}", ("They grieve.",)),
        (f"<THINK> a </think > {SAID} <think>b</think>", ("a", "b")),
        (f"<think>a <think>b</think> c</think>{SAID}", ("a", "b", "c")),
        (f"[THINK]They grieve.[/THINK]{SAID}", ("They grieve.",)),
        (f"<|begin_of_thought|>They grieve.<|end_of_thought|>{SAID}", ("They grieve.",)),
        (f"<|START_THINKING|>They grieve.<|END_THINKING|>{SAID}", ("They grieve.",)),
        (f"◁think▷They grieve.◁/think▷{SAID}", ("They grieve.",)),
        (f"<seed:think>They grieve.</seed:think>{SAID}", ("They grieve.",)),
        (
            f"<|channel|>analysis<|message|>They grieve.<|end|><|start|>assistant"
            f"<|channel|>final<|message|>{SAID}",
            ("They grieve.",),
        ),
    ],
)
def test_a_thought_is_no_part_of_the_answer(text, thoughts):
    parted = part_thoughts(text)
    assert parted.answer == SAID
    assert not parted.unfinished
    assert " ".join(parted.thoughts) == " ".join(thoughts)


def test_a_thought_that_was_cut_off_leaves_no_answer():
    assert part_thoughts("<think>They grieve and I") == Parted("", ("They grieve and I",), unfinished=True)
    assert part_thoughts("Well. <think>Hm") == Parted("Well.", ("Hm",), unfinished=True)


@pytest.mark.parametrize(
    "text", ["I think <b>so</b> & <i>you</i>.", "2 < 3, <thinker>, [think]ing", "", "a </b> b", "think>x"]
)
def test_what_is_no_thought_stays_as_it_is(text):
    assert part_thoughts(text) == Parted(text)


def test_marks_in_a_vocabulary_are_known():
    assert all(is_thought_mark(token) for token in ("<think>", "</think>", "[THINK]", "<|channel|>"))
    assert not any(is_thought_mark(token) for token in ("<|im_end|>", "</s>", "think", "[INST]"))
