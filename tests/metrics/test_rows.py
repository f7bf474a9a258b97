import json
from pathlib import Path

import pytest

from eva.data.responses import check_same_turns, read_responses
from eva.errors import InputError

GOOD = {
    "dialogue_id": "a",
    "turn": 1,
    "n_turns": 2,
    "history": [{"role": "user", "content": "hi"}],
    "response": "hello",
    "reference": "hey",
}
HI, HELLO = {"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}


def write(path: Path, *rows: object) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def test_reads_a_good_file(tmp_path: Path) -> None:
    extra = {"slices": {"emotion": "fear"}, "reference_level": 2, "raw": "ignored"}
    first, second = read_responses(write(tmp_path / "f", GOOD | extra, GOOD | {"turn": 2, "reference": None}))
    assert (first.slices["emotion"], first.reference_level, first.line, first.quartile) == ("fear", 2, 1, 2)
    assert (second.reference, second.line, second.quartile) == (None, 2, 4)


def test_every_problem_of_a_file_at_once_with_its_line(tmp_path: Path) -> None:
    no_response = {key: value for key, value in GOOD.items() if key != "response"}
    path = write(
        tmp_path / "bad.jsonl",
        "{not json",
        no_response,
        GOOD | {"turn": 3},
        GOOD | {"response": "  "},
        GOOD | {"history": [{"role": "seeker", "content": "hi"}]},
        GOOD | {"history": [{"role": "assistant", "content": "hi"}]},
        GOOD | {"turn": True},
        GOOD,
        GOOD,
        GOOD | {"turn": 2, "n_turns": 5},
        "[]",
        GOOD | {"turn": 0},
        GOOD | {"dialogue_id": "b", "finish": "eos", "marked": "yes"},
        GOOD | {"dialogue_id": "c", "history": [HI, HELLO, HI]},
    )
    with pytest.raises(InputError) as caught:
        read_responses(path)
    message = str(caught.value)
    for expected in (
        "bad.jsonl: 15 problems",
        "line 1: not JSON",
        "line 2: `response` is missing",
        "line 3: `turn` 3 is greater than `n_turns` 2",
        "line 4: `response` is empty",
        "line 5: `history` message 1 is {'role': 'seeker'",
        "line 6: `history` does not end with a message of the user",
        "line 7: `turn` is True",
        "line 9: dialogue 'a' turn 1 was already on line 8",
        "line 10: `n_turns` of dialogue 'a' is 5 here but 2 on line 8",
        "line 11: expected an object, got list",
        "line 12: `turn` is 0",
        "line 13: `finish` is 'eos', expected stop, length, filtered, or null",
        "line 13: `marked` is 'yes', expected true, false or null",
        "line 14: `turn` is 1 of 2, but its `history` already holds 1 turns of the supporter",
    ):
        assert expected in message


def test_empty_responses_can_be_allowed(tmp_path: Path) -> None:
    assert read_responses(write(tmp_path / "f", GOOD | {"response": ""}), allow_empty=True)[0].response == ""


def test_a_file_without_rows_and_a_file_of_another_format(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no rows"):
        read_responses(write(tmp_path / "empty"))
    with pytest.raises(InputError, match="and 50 more"):
        read_responses(write(tmp_path / "csv", *["a,b,c"] * 150))


def test_two_files_must_cover_the_same_turns(tmp_path: Path) -> None:
    one = read_responses(write(tmp_path / "one", GOOD, GOOD | {"turn": 2}))
    other = read_responses(write(tmp_path / "other", GOOD, GOOD | {"dialogue_id": "b"}))
    one, other = ([row.key for row in rows] for rows in (one, other))
    check_same_turns(one, one, ("x", "y"))
    with pytest.raises(InputError) as caught:
        check_same_turns(one, other, ("x", "y"))
    assert "dialogue 'a' turn 2 is in x and not in y" in str(caught.value)
    assert "dialogue 'b' turn 1 is in y and not in x" in str(caught.value)
