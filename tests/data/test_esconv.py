"""ESConv's three official formats, read from small files of our own."""

import json
from pathlib import Path
from typing import Any

import pytest

from eva.data.esconv import load_esconv, load_failed_esconv
from eva.data.splits import plan_splits, released_positions
from eva.errors import InputError

SPLITS = {"train": [1], "valid": [0], "test": [2]}


def said(speaker: str, content: str, strategy: str | None = None) -> dict[str, Any]:
    annotation = {} if strategy is None else {"strategy": strategy}
    return {"speaker": speaker, "annotation": annotation, "content": content}


def conversation(*utterances: dict[str, Any]) -> dict[str, Any]:
    return {
        "experience_type": "Previous Experience",
        "emotion_type": "anger",
        "problem_type": "job crisis",
        "dialog": list(utterances),
    }


def plain() -> dict[str, Any]:
    return conversation(said("seeker", "My shift was cut."), said("supporter", "By whom?", "Question"))


def write(folder: Path, name: str, rows: Any, splits: Any = None) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(rows if isinstance(rows, str) else json.dumps(rows), encoding="utf-8")
    if splits is not None:
        (folder / "splits.json").write_text(json.dumps(splits), encoding="utf-8")
    return folder


def test_utterances_of_one_speaker_become_one_turn(tmp_path: Path) -> None:
    row = conversation(
        said("seeker", " My  shift\nwas cut. "),
        said("seeker", "Again."),
        said("supporter", "Oh no.", "Others"),
        said("supporter", "By whom?", "Question"),
        said("seeker", "The owner."),
    )
    folder = write(tmp_path, "ESConv.json", [plain(), row, plain()], SPLITS)
    (dialogue,) = load_esconv(folder).splits["train"]
    assert [(turn.role, turn.content) for turn in dialogue.turns] == [
        ("user", "My shift was cut. Again."),
        ("assistant", "Oh no. By whom?"),
        ("user", "The owner."),
    ]
    assert dialogue.turns[1].strategies == ("Others", "Question")
    assert [turn.parts for turn in dialogue.turns] == [(), ("Oh no.", "By whom?"), ()]
    assert dialogue.turns[1].labelled() == [("Oh no.", 0), ("By whom?", 1)]
    assert dialogue.slices == {
        "problem_type": "job crisis",
        "emotion": "anger",
        "experience": "Previous Experience",
    }
    assert load_esconv(folder).utterances["esconv-1"] == 5


def test_positions_come_from_upstream_index(tmp_path: Path) -> None:
    splits = {**SPLITS, "upstream_index": [77, 5, 1200]}
    folder = write(tmp_path, "ESConv.json", [plain()] * 3, splits)
    loaded = load_esconv(folder).splits
    assert {split: [(d.id, d.position) for d in rows] for split, rows in loaded.items()} == {
        "train": [("esconv-5", 5)],
        "valid": [("esconv-77", 77)],
        "test": [("esconv-1200", 1200)],
    }


def test_the_upstream_file_splits_as_released(tmp_path: Path) -> None:
    folder = write(tmp_path, "ESConv.json", [plain()] * 1300)
    loaded = load_esconv(folder).splits
    assert {split: len(rows) for split, rows in loaded.items()} == {"train": 910, "valid": 195, "test": 195}
    assert [d.position for d in loaded["valid"]] == released_positions()["valid"]


def test_released_positions_are_each_upstream_dialogue_once() -> None:
    positions = [position for rows in released_positions().values() for position in rows]
    assert sorted(positions) == list(range(1300))


def test_another_number_of_dialogues_needs_a_split(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"7 dialogues and no splits.json"):
        plan_splits(tmp_path, 7)


def test_all_faults_of_a_split_file_are_reported(tmp_path: Path) -> None:
    splits = {"train": [0, 9], "valid": [0], "upstream_index": [3, 3, 3]}
    folder = write(tmp_path, "ESConv.json", [plain()] * 3, splits)
    with pytest.raises(InputError) as caught:
        load_esconv(folder)
    message = str(caught.value)
    for part in ("splits.json: 5 problems", "test: missing", "row 9 is not", "row 0 is in train already",
                 "rows in no split: 1, 2", "3 different numbers"):  # fmt: skip
        assert part in message


def test_released_split_files(tmp_path: Path) -> None:
    dialog = [
        {"text": "I failed again .", "speaker": "usr"},
        {"text": "What happened ?", "speaker": "sys", "strategy": "Question"},
    ]
    line = json.dumps({"emotion_type": "shame", "dialog": dialog}) + "\n"
    for split, n in (("train", 2), ("valid", 1), ("test", 1)):
        write(tmp_path, f"{split}.txt", line * n)
    loaded = load_esconv(tmp_path).splits
    assert [d.id for rows in loaded.values() for d in rows] == [f"esconv-{n}" for n in range(4)]
    assert loaded["test"][0].turns[1].strategies == ("Question",)
    assert loaded["test"][0].turns[0].role == "user"


def test_a_damaged_line_of_a_split_file_is_named(tmp_path: Path) -> None:
    for split in ("train", "valid", "test"):
        write(tmp_path, f"{split}.txt", '{"dialog": [\n')
    with pytest.raises(InputError, match=r"train.txt: line 1: not JSON"):
        load_esconv(tmp_path)


def test_failed_esconv_uses_the_same_eight_strategies(tmp_path: Path) -> None:
    names = ["Questions", "Other", "Direct Guidance", "Approval and Reassurance", "Restatement", "Question"]
    row = conversation(said("speaker", "Hm.\n"), *(said("listener", "Ok\n", name) for name in names))
    (dialogue,) = load_failed_esconv(write(tmp_path, "FailedESConv.json", [row])).splits["train"]
    assert dialogue.turns[1].strategies == (
        "Question", "Others", "Providing Suggestions", "Affirmation and Reassurance",
        "Restatement or Paraphrasing", "Question",
    )  # fmt: skip
    assert dialogue.turns[0].content == "Hm."
    assert dialogue.id == "failed_esconv-0"


def test_failed_names_are_unknown_in_esconv(tmp_path: Path) -> None:
    row = conversation(said("seeker", "Hm."), said("supporter", "Ok", "Questions"))
    folder = write(tmp_path, "ESConv.json", [row] * 3, SPLITS)
    with pytest.raises(
        InputError, match="dialogue 0, turn 2: unknown strategy 'Questions'; known: Question, "
    ):
        load_esconv(folder)


def test_all_faults_of_a_file_are_reported_at_once(tmp_path: Path) -> None:
    bad = conversation(said("seeker", " \n"), said("doctor", "Hm."), said("supporter", "Ok", "Prescription"))
    folder = write(tmp_path, "ESConv.json", [plain(), bad, {"dialog": []}], SPLITS)
    with pytest.raises(InputError) as caught:
        load_esconv(folder)
    message = str(caught.value)
    assert "ESConv.json: 4 problems" in message
    assert "dialogue 1, turn 1: `content` is empty or missing" in message
    assert "dialogue 1, turn 2: unknown speaker 'doctor'; known: seeker, supporter" in message
    assert "dialogue 1, turn 3: unknown strategy 'Prescription'" in message
    assert "dialogue 2: has no list `dialog`" in message


def test_a_long_list_of_faults_is_cut(tmp_path: Path) -> None:
    bad = conversation(*[said("seeker", "")] * 31)
    folder = write(tmp_path, "ESConv.json", [plain(), bad, plain()], SPLITS)
    with pytest.raises(InputError) as caught:
        load_esconv(folder)
    lines = str(caught.value).splitlines()
    assert "31 problems" in lines[0]
    assert len(lines) == 22
    assert lines[-1] == "  - and 11 more"


def test_truncated_json_is_one_error(tmp_path: Path) -> None:
    text = json.dumps([plain()] * 3)
    folder = write(tmp_path, "ESConv.json", text[: len(text) // 2], SPLITS)
    with pytest.raises(InputError, match=r"ESConv.json: not JSON .* at column .*it ends too early"):
        load_esconv(folder)


def test_missing_folder_and_missing_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no such folder.*eva data import"):
        load_esconv(tmp_path / "absent")
    with pytest.raises(InputError, match=r"neither ESConv.json nor"):
        load_esconv(tmp_path)
