"""Sizes without encoding: the same windows and prompts as the encoding makes."""

from pathlib import Path

import pytest

from eva.data.dialogue import Dialogue
from eva.data.prepare import prepare
from eva.fit.text_sizes import Said, Sequences, measure, prompts, token_counter, windows
from eva.models.chat import encode_dialogue, encode_prompt
from eva.models.tiny import chatml_tokenizer
from eva.settings.corpora_section import Corpus
from eva.settings.prepare_section import Prepare


@pytest.fixture(scope="module")
def dialogues(sample: Path) -> list[Dialogue]:
    corpus = Corpus(format="esconv", path=sample / "esconv", min_dialogues=1)
    return prepare("esconv", corpus, Prepare(keep_supporter_first=False)).splits["train"]


@pytest.mark.parametrize("max_length", [4096, 900])
def test_windows_are_those_of_the_encoding(
    dialogues: list[Dialogue], tmp_path: Path, max_length: int
) -> None:
    tokenizer = chatml_tokenizer()
    tokenizer.save_pretrained(tmp_path)
    count, exact = token_counter(tmp_path)
    assert exact
    made = [
        window
        for one in dialogues
        for window in encode_dialogue(tokenizer, one.messages(), max_length=max_length)
    ]
    sized = Sequences()
    for one in dialogues:
        sized += windows(measure(one, count), max_length)
    # The frame of a turn is more than five tokens here: this tokenizer cuts "assistant" into letters.
    assert sized.n == pytest.approx(len(made), rel=0.2)
    assert sized.tokens == pytest.approx(sum(len(one.input_ids) for one in made), rel=0.2)
    assert sized.scored == pytest.approx(sum(one.n_supervised for one in made), rel=0.05)


def test_prompts_that_share_a_beginning_are_read_once(dialogues: list[Dialogue], tmp_path: Path) -> None:
    tokenizer = chatml_tokenizer()
    tokenizer.save_pretrained(tmp_path)
    count, _ = token_counter(tmp_path)
    dialogue = dialogues[0]
    last = max(index for index, turn in enumerate(dialogue.turns) if turn.role == "assistant")
    longest = encode_prompt(tokenizer, dialogue.messages(last), max_length=4096)
    found = prompts(measure(dialogue, count), 4096)
    assert found.answers == dialogue.n_supporter_turns
    assert found.read.n == 1
    assert found.read.tokens == pytest.approx(len(longest), rel=0.05)


def test_by_hand() -> None:
    said = Said(10, ((False, 20), (True, 15), (False, 20), (True, 15)))
    whole = windows(said, 100)
    assert (whole.n, whole.tokens, whole.squares, whole.scored) == (1, 80, 6400, 22)
    cut = windows(said, 50)  # the second answer is read from the second user turn on
    assert (cut.n, cut.tokens, cut.scored) == (2, 90, 22)
    assert prompts(said, 100).read.tokens == 65
    alone = prompts(said, 40).read
    assert (alone.n, alone.tokens) == (2, 60)


def test_without_a_tokenizer_characters_are_counted(tmp_path: Path) -> None:
    count, exact = token_counter(tmp_path)
    assert not exact
    assert count("a" * 430) == 100
