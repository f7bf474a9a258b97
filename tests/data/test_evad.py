"""EVAD records and where their histories stand."""

import json
from pathlib import Path
from typing import Any

import pytest

from eva.data.dialogue import Dialogue, Turn
from eva.data.evad import begins_with, for_training, load_evad, match_evad
from eva.errors import InputError

USER, SUPPORTER = "help-seeker", "supporter"


def record(identity: str, *history: tuple[str, str], **more: Any) -> dict[str, Any]:
    said = [{"role": role, "content": content} for role, content in history]
    return {"ID": identity, "History": said, "Chosen": " I hear\nyou. ", "Rejected": "Cheer up.", **more}


def write(tmp_path: Path, *rows: Any) -> Path:
    path = tmp_path / "EVAD.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


def dialogue(position: int, *contents: str, first: str = "user") -> Dialogue:
    roles = ["user", "assistant"] if first == "user" else ["assistant", "user"]
    turns = tuple(Turn(roles[n % 2], content) for n, content in enumerate(contents))  # type: ignore[arg-type]
    return Dialogue(f"esconv-{position}", "esconv", position, turns)


def test_a_record_is_cleaned_and_joined(tmp_path: Path) -> None:
    history = [(SUPPORTER, "Hi. "), (USER, "It's  bad,"), (USER, " really.\n ")]
    (read,) = load_evad(write(tmp_path, record("12_1", *history, ChosenLevel=2, RejectedLevel=4)))
    assert read.history == (Turn("assistant", "Hi."), Turn("user", "It's bad, really."))
    assert (read.position, read.chosen, read.chosen_level, read.rejected_level) == (12, "I hear you.", 2, 4)


def test_faulty_records_are_listed_together(tmp_path: Path) -> None:
    rows = [
        record("first", (USER, "Hm.")),
        record("3_1", ("therapist", "Hm."), (SUPPORTER, " ")),
        record("4_1", (USER, "Hm."), Chosen="", ChosenLevel=5),
        {"ID": "5_1", "Chosen": "a", "Rejected": "b"},
        "text",
    ]
    with pytest.raises(InputError) as caught:
        load_evad(write(tmp_path, *rows))
    message = str(caught.value)
    for part in (
        "EVAD.json: 8 problems",
        "record 1 (first): `ID` 'first' is not",
        "record 2 (3_1), turn 1: unknown role 'therapist'; known: help-seeker, supporter",
        "record 2 (3_1), turn 2: `content` is empty",
        "record 2 (3_1): `History` does not end with the help-seeker",
        "record 3 (4_1): `Chosen` is empty",
        "record 3 (4_1): `ChosenLevel` 5 is not a level",
        "record 4 (5_1): `History` is not a list",
        "record 5: should be an object",
    ):
        assert part in message


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="with at least one"):
        load_evad(write(tmp_path))


def test_matches_give_dialogue_split_and_turn(tmp_path: Path) -> None:
    corpus = {
        "train": [dialogue(7, "Hello.", "Hi.", "I lost it. All of it.", "What?", "The job.", "Oh.")],
        "test": [dialogue(9, "Hm.", "Yes?", "I quit.", "Why?")],
    }
    start = [(USER, "Hello."), (SUPPORTER, "Hi.")]
    rows = [
        record("7_2", *start, (USER, "I lost it.")),
        record("9_1", (USER, "Hm.")),
        record("7_9", *start, (USER, "I lost")),
        record("7_3", *start, (USER, "I lo")),
        record("500_1", (USER, "Hm.")),
    ]
    matches = match_evad(load_evad(write(tmp_path, *rows)), corpus)
    assert [(m.split, m.dialogue and m.dialogue.position, m.turn, m.n_turns) for m in matches] == [
        ("train", 7, 2, 3),
        ("test", 9, 1, 2),
        ("train", 7, 2, 3),
        (None, None, 0, 0),  # ends within a word: not the beginning of what was said
        ("test", 9, 1, 2),  # found by its text: the corpus does not know upstream positions
    ]
    assert [match.record.id for match in for_training(matches)] == ["7_2", "7_9"]


def test_a_leading_supporter_turn_may_have_been_removed(tmp_path: Path) -> None:
    whole = dialogue(4, "Hi.", "It broke.", "What?", "The lamp.", "Oh.", first="assistant")
    shorn = dialogue(4, "It broke.", "What?", "The lamp.", "Oh.")
    history = [(SUPPORTER, "Hi."), (USER, "It broke."), (SUPPORTER, "What?"), (USER, "The lamp.")]
    records = load_evad(write(tmp_path, record("4_2", *history)))
    assert [(m.turn, m.n_turns) for m in match_evad(records, {"train": [whole]})] == [(3, 3)]
    assert [(m.turn, m.n_turns) for m in match_evad(records, {"train": [shorn]})] == [(2, 2)]


def test_begins_with_compares_roles_and_every_turn() -> None:
    turns = dialogue(1, "a", "b", "c").turns
    assert begins_with(turns, turns)
    assert begins_with(turns, turns[:1])
    assert not begins_with(turns[:1], turns)
    assert not begins_with(turns, (Turn("user", "x"), *turns[1:]))
    assert not begins_with(turns, (Turn("assistant", "a"),))
    assert not begins_with(turns, ())
