"""What the classifier gets to read."""

from pathlib import Path
from typing import Any

import pytest

from eva.scorers.encoding import Encoded, encode


@pytest.fixture(scope="module")
def tokenizer(encoder: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(encoder)


def _words(tokenizer: Any, row: Encoded, mark: int) -> str:
    """The text of the tokens whose response mark is `mark`."""
    kept = [one for one, own in zip(row.input_ids, row.response, strict=True) if own == mark]
    return str(tokenizer.decode(kept, skip_special_tokens=True)).strip()


def test_only_the_response_is_marked(tokenizer: Any) -> None:
    (row,) = encode(tokenizer, [("I lost my job", "What happened?")], 64)
    assert _words(tokenizer, row, 1) == "What happened?"
    assert _words(tokenizer, row, 0) == "I lost my job"


def test_a_lone_text_is_all_response(tokenizer: Any) -> None:
    (row,) = encode(tokenizer, ["What happened?"], 64)
    assert _words(tokenizer, row, 1) == "What happened?"
    assert row.response[0] == row.response[-1] == 0  # the special tokens are not pooled


def test_the_context_loses_its_oldest_part(tokenizer: Any) -> None:
    context = "start " + "x " * 200 + "end"
    (row,) = encode(tokenizer, [(context, "What happened?")], 48)
    assert len(row.input_ids) == 48
    assert _words(tokenizer, row, 1) == "What happened?"
    assert _words(tokenizer, row, 0).endswith("end")
    assert "start" not in _words(tokenizer, row, 0)


def test_a_long_response_leaves_a_quarter_to_the_context(tokenizer: Any) -> None:
    (row,) = encode(tokenizer, [("a b " * 100, "start " + "x " * 200)], 64)
    assert len(row.input_ids) == 64
    assert sum(row.response) == (64 - 4) * 3 // 4  # four special tokens
    assert _words(tokenizer, row, 1).startswith("start")


def test_a_long_lone_response_uses_all_the_room(tokenizer: Any) -> None:
    (row,) = encode(tokenizer, ["x " * 200], 64)
    assert sum(row.response) == 62


def test_an_empty_response_has_nothing_marked(tokenizer: Any) -> None:
    (row,) = encode(tokenizer, [("I lost my job", "")], 64)
    assert sum(row.response) == 0


def test_a_causal_tokenizer_gets_a_start_and_a_seam(causal: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(causal)
    pair, lone, empty = encode(tokenizer, [("I lost my job", "What happened?"), "What happened?", ""], 64)
    for row in (pair, lone, empty):
        assert row.input_ids[0] == tokenizer.bos_token_id
        assert row.response[0] == 0
    assert tokenizer.decode(pair.input_ids[1:]) == "I lost my job\nWhat happened?"
    assert _words(tokenizer, pair, 1) == _words(tokenizer, lone, 1) == "What happened?"
    assert len(empty.input_ids) == 1


def test_a_text_that_spells_special_tokens_stays_text(tokenizer: Any) -> None:
    said = f"a {tokenizer.sep_token} b {tokenizer.cls_token}"
    pair, plain = encode(tokenizer, [(said, said), ("x", "y")], 64)
    special = set(tokenizer.all_special_ids)
    assert [i for i in pair.input_ids if i in special] == [i for i in plain.input_ids if i in special]
    assert "".join(tokenizer.decode([i for i in pair.input_ids if i not in special]).split()) == "".join(
        (said * 2).split()
    )
