"""The validation gate catches what it says it catches, and says where."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from eva.artifacts import digest_path, write_json, write_jsonl
from eva.data.empathetic_dialogues import EMOTIONS as EMOTIONS_OF_ED
from eva.errors import InputError
from eva.settings.corpora_section import Corpus
from eva.settings.validate_section import Validate
from eva.validation import suites
from eva.validation.gate import judge, validate_corpus

Splits = dict[str, list[dict[str, Any]]]
ESCONV = Corpus(format="esconv", path=Path("raw/esconv"), min_dialogues=4)
ED = Corpus(format="empathetic_dialogues", path=Path("raw/ed"), min_dialogues=4)
BOUNDS = Validate(min_turns=2, max_turn_characters=80, max_label_share=0.6, max_rows_listed=2)
STRATEGIES = ("Question", "Reflection of feelings", "Others", "Information")
EMOTIONS = ("anger", "fear", "shame", "sadness")


def dialogue(number: int) -> dict[str, Any]:
    turns = []
    for index in range(4):
        supporter = index % 2 == 1
        turns.append(
            {
                "role": "assistant" if supporter else "user",
                "content": f"conversation {number} line {index}",
                "strategies": [STRATEGIES[(number + index // 2) % 4]] if supporter else [],
                "parts": [],
            }
        )
    return {
        "id": f"esconv-{number}",
        "corpus": "esconv",
        "position": number,
        "turns": turns,
        "slices": {"emotion": EMOTIONS[number % 4], "problem_type": f"anything {number}"},
    }


@pytest.fixture
def splits() -> Splits:
    return {
        "train": [dialogue(number) for number in range(5)],
        "valid": [dialogue(number) for number in range(5, 7)],
        "test": [dialogue(number) for number in range(7, 9)],
    }


def write(splits: Splits, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    for split, rows in splits.items():
        write_jsonl(folder / f"{split}.jsonl", rows)
    write_jsonl(folder / "dropped.jsonl", [])
    return folder


def evad_record(number: int, **changes: Any) -> dict[str, Any]:
    record = {
        "ID": f"{number}_1",
        "History": [{"role": "help-seeker", "content": f"conversation {number} line 0 \n "}],
        "Chosen": "What happened then?",
        "Rejected": "You should see a doctor.",
        "ChosenLevel": 1,
        "RejectedLevel": 4,
    }
    return {**record, **changes}


def test_good_corpus_passes_and_counts_its_rows(splits: Splits, tmp_path: Path) -> None:
    evad = tmp_path / "EVAD.json"
    write_json(evad, [evad_record(0), evad_record(8)])
    out = tmp_path / "validated"
    verdict = validate_corpus("esconv", write(splits, tmp_path / "p"), BOUNDS, ESCONV, out, evad)
    assert verdict.success
    assert verdict.rows == {"train": 5, "valid": 2, "test": 2}
    written = json.loads((out / "verdict.json").read_text())
    assert set(written) == {"corpus", "success", "expectations", "rows", "failures"}
    results = json.loads((out / "result.json").read_text())["suites"]
    assert verdict.expectations == sum(len(suite) for suite in results.values())
    assert set(results) == {"splits", "dialogues", "turns", "labels", "preferences"}


def rename(row: dict[str, Any], old: str, new: str) -> None:
    row[new] = row.pop(old)


def supporter(row: dict[str, Any], **changes: Any) -> None:
    row["turns"][1].update(changes)


def copy_of(row: dict[str, Any], other: int) -> None:
    """The words of another dialogue in other clothes."""
    turns = dialogue(other)["turns"]
    row["turns"] = [{**turn, "content": f"  {turn['content'].upper()}!"} for turn in turns]


Plant = Callable[[dict[str, Any]], Any]
# What is done to one training dialogue, the rule that has to catch it, and what it has to say.
FAULTS: dict[str, tuple[Plant, str, str]] = {
    "missing field": (lambda row: row.pop("position"), "schema", "field 'position' is missing"),
    "unknown field": (lambda row: rename(row, "slices", "tags"), "schema", "unknown field 'tags'"),
    "wrong type": (lambda row: row.update(turns="none"), "schema", "field 'turns' is 'none', not a list"),
    "turn not an object": (lambda row: row.update(turns=[1]), "schema", "turn 1: is not an object"),
    "turn without text": (
        lambda row: row["turns"][2].pop("content"),
        "schema",
        "turn 3: field 'content' is missing",
    ),
    "other corpus": (lambda row: row.update(corpus="ed"), "schema", "`corpus` is 'ed', not 'esconv'"),
    "repeated id": (lambda row: row.update(id="esconv-99"), "id_unique", "the id occurs more than once"),
    "id in two splits": (lambda row: row.update(id="esconv-90"), "id_in_one_split", "the id is also in test"),
    "text in two splits": (
        lambda row: copy_of(row, 91),
        "text_in_one_split",
        "the same text is also in test",
    ),
    "too short": (lambda row: row.update(turns=row["turns"][:1]), "enough_turns", "only 1 turn(s)"),
    "no turns": (lambda row: row.update(turns=[]), "enough_turns", "only 0 turn(s)"),
    "supporter first": (
        lambda row: row.update(turns=row["turns"][1:]),
        "user_first",
        "the first turn is the assistant's",
    ),
    "one speaker": (
        lambda row: [turn.update(role="user") for turn in row["turns"]],
        "both_speakers",
        "1 speaker(s) instead of 2",
    ),
    "unknown emotion": (
        lambda row: row["slices"].update(emotion="joyful"),
        "emotion_known",
        "emotion 'joyful'",
    ),
    "no emotion": (lambda row: row["slices"].pop("emotion"), "emotion_known", "emotion ''"),
    "unknown role": (lambda row: supporter(row, role="seeker"), "role_known", "role 'seeker'"),
    "not joined": (
        lambda row: supporter(row, role="user"),
        "speakers_alternate",
        "the speaker is that of the turn before",
    ),
    "empty text": (lambda row: supporter(row, content=" \n"), "turn_has_text", "the text is empty"),
    "long turn": (lambda row: supporter(row, content="word " * 40), "turn_length", "200 characters"),
    "unknown strategy": (
        lambda row: supporter(row, strategies=["Question", "Cheering"]),
        "strategy_known",
        "strategy 'Cheering'",
    ),
    "a part without a strategy": (
        lambda row: supporter(row, strategies=["Question"], parts=["one", "two"]),
        "schema",
        "turn 2: 2 parts but 1 strategies",
    ),
    "unlabelled supporter": (
        lambda row: supporter(row, strategies=[]),
        "supporter_labelled",
        "no strategy",
    ),
}


@pytest.fixture(scope="module")
def caught(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The failures of one corpus that has every fault, each in a training dialogue of its own."""
    train = [dialogue(number) for number in range(len(FAULTS))]
    for row, (plant, _, _) in zip(train, FAULTS.values(), strict=True):
        plant(row)
    sound = [dialogue(number) for number in range(50, 60)]
    splits = {
        "train": [*train, *sound, {**dialogue(99), "position": 99}],
        "valid": [dialogue(80)],
        "test": [dialogue(90), dialogue(91)],
    }
    folder = tmp_path_factory.mktemp("faulty")
    bounds = BOUNDS.model_copy(update={"max_rows_listed": 50})
    with pytest.raises(InputError):
        validate_corpus("esconv", write(splits, folder / "p"), bounds, ESCONV, folder / "v")
    verdict = json.loads((folder / "v" / "verdict.json").read_text())
    assert not verdict["success"]
    failures: list[dict[str, Any]] = verdict["failures"]
    return failures


@pytest.mark.parametrize("fault", FAULTS)
def test_planted_fault_is_caught(fault: str, caught: list[dict[str, Any]]) -> None:
    plant, rule, what = FAULTS[fault]
    row = dialogue(list(FAULTS).index(fault))
    plant(row)
    found = [
        (failure["expectation"], failure["split"], listed["dialogue"], listed["what"])
        for failure in caught
        for listed in failure["rows_listed"]
    ]
    assert (rule, "train", row["id"], what) in found


def test_sound_dialogues_are_not_accused(caught: list[dict[str, Any]]) -> None:
    accused = {row["dialogue"] for failure in caught for row in failure["rows_listed"]}
    assert not accused & {f"esconv-{number}" for number in [*range(50, 60), 80]}
    assert {failure["expectation"] for failure in caught} == {rule for _, rule, _ in FAULTS.values()}


CORPUS_FAULTS: dict[str, tuple[Callable[[Splits], Any], str, str]] = {
    "one strategy everywhere": (
        lambda s: [supporter(row, strategies=["Others"] * 20) for row in s["train"]],
        "label_share",
        "strategy 'Others' has share",
    ),
    "one emotion everywhere": (
        lambda s: [row["slices"].update(emotion="fear") for row in s["train"]],
        "label_share",
        "emotion 'fear' has share 1.00",
    ),
    "too few": (lambda s: s.update(train=s["train"][:3]), "enough_dialogues", "3 dialogues, at least 4"),
    "empty split": (lambda s: s.update(test=[]), "enough_dialogues", "test.jsonl: 0 dialogues, at least 1"),
    "missing split": (lambda s: s.pop("valid"), "enough_dialogues", "valid.jsonl: 0 dialogues, at least 1"),
    "nothing at all": (lambda s: s.clear(), "turns_present", "no turns at all"),
    "row is a list": (lambda s: s["train"].append([1]), "schema", "row 6: the row is a JSON list"),
}


@pytest.mark.parametrize("fault", CORPUS_FAULTS)
def test_fault_of_the_whole_corpus_is_caught(fault: str, splits: Splits, tmp_path: Path) -> None:
    plant, rule, what = CORPUS_FAULTS[fault]
    plant(splits)
    out = tmp_path / "validated"
    with pytest.raises(InputError, match=re.escape(what)) as refused:
        validate_corpus("esconv", write(splits, tmp_path / "p"), BOUNDS, ESCONV, out)
    assert f"- {rule}: " in str(refused.value)
    assert rule in (out / "docs" / "index.html").read_text()


def test_offending_row_names_file_dialogue_and_turn(splits: Splits, tmp_path: Path) -> None:
    for row in splits["valid"] + splits["train"]:
        row["turns"][2]["content"] = ""
    out = tmp_path / "validated"
    with pytest.raises(InputError) as refused:
        validate_corpus("esconv", write(splits, tmp_path / "p"), BOUNDS, ESCONV, out)
    message = str(refused.value)
    assert "valid.jsonl, dialogue esconv-5, turn 3: the text is empty" in message
    assert "train.jsonl, dialogue esconv-1, turn 3: the text is empty" in message
    assert "esconv-2" not in message, "max_rows_listed is 2"
    assert str(out / "docs" / "index.html") in message
    failure = next(
        f for f in json.loads((out / "verdict.json").read_text())["failures"] if f["split"] == "train"
    )
    assert failure["count"] == 5
    assert [row["turn"] for row in failure["rows_listed"]] == [3, 3]


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"Rejected": "what happened  then"}, "candidates_differ"),
        ({"History": [{"role": "help-seeker", "content": "never said"}]}, "history_in_corpus"),
        ({"ID": "1_1"}, "record_unique"),
    ],
)
def test_faulty_preference_is_caught(
    changes: dict[str, Any], rule: str, splits: Splits, tmp_path: Path
) -> None:
    evad = tmp_path / "EVAD.json"
    write_json(evad, [evad_record(1), evad_record(2, **changes)])
    with pytest.raises(InputError, match=f"- {rule}: ") as refused:
        validate_corpus("esconv", write(splits, tmp_path / "p"), BOUNDS, ESCONV, tmp_path / "v", evad)
    assert f"EVAD.json, dialogue {changes.get('ID', '2_1')}: " in str(refused.value)


def test_preference_level_outside_the_theory_fails() -> None:
    row = {"split": "p", "dialogue": "1_1", "in_corpus": True, "same_text": False}
    table = pd.DataFrame([{**row, "chosen_level": 5, "rejected_level": None}], dtype=object)
    results = judge({"preferences": table}, {"preferences": suites.preference_rules()})["preferences"]
    assert [r["expectation_config"]["meta"]["rule"] for r in results if not r["success"]] == ["chosen_level"]


def test_history_of_a_dropped_dialogue_counts_as_found(splits: Splits, tmp_path: Path) -> None:
    prepared, evad = write(splits, tmp_path / "p"), tmp_path / "EVAD.json"
    write_jsonl(
        prepared / "dropped.jsonl",
        [{"split": "train", "reason": "supporter_first", "dialogue": dialogue(40)}],
    )
    write_json(evad, [evad_record(40)])
    assert validate_corpus("esconv", prepared, BOUNDS, ESCONV, tmp_path / "v", evad).success


def test_ed_has_its_own_emotions_and_no_strategies(splits: Splits, tmp_path: Path) -> None:
    emotions = ("joyful", "sad", "proud", "lonely")
    for row in [row for rows in splits.values() for row in rows]:
        row["corpus"] = "empathetic_dialogues"
        row["slices"] = {"emotion": emotions[row["position"] % 4]}
        for turn in row["turns"]:
            turn["strategies"] = []
    prepared = write(splits, tmp_path / "p")
    assert validate_corpus("ed", prepared, BOUNDS, ED, tmp_path / "v").success
    splits["train"][0]["turns"][1]["strategies"] = ["Question"]
    with pytest.raises(InputError, match="strategy_known"):
        validate_corpus("ed", write(splits, prepared), BOUNDS, ED, tmp_path / "v")


def test_allowed_emotions_are_complete() -> None:
    assert len(set(EMOTIONS_OF_ED)) == 32
    assert list(EMOTIONS_OF_ED) == sorted(EMOTIONS_OF_ED)


def test_equal_data_gives_equal_bytes(splits: Splits, tmp_path: Path) -> None:
    splits["train"][0]["turns"][1]["content"] = ""
    prepared = write(splits, tmp_path / "p")
    for name in ("first", "second"):
        with pytest.raises(InputError):
            validate_corpus("esconv", prepared, BOUNDS, ESCONV, tmp_path / name)
    assert digest_path(tmp_path / "first") == digest_path(tmp_path / "second")


def test_result_stays_small_when_everything_is_wrong(splits: Splits, tmp_path: Path) -> None:
    splits["train"] = [dialogue(number) for number in range(100)]
    for row in splits["train"]:
        row["turns"][1]["content"] = ""
    with pytest.raises(InputError):
        validate_corpus("esconv", write(splits, tmp_path / "p"), BOUNDS, ESCONV, tmp_path / "v")
    assert (tmp_path / "v" / "result.json").stat().st_size < 40_000


def test_page_loads_nothing_and_escapes_text(splits: Splits, tmp_path: Path) -> None:
    splits["train"][0]["turns"][0]["role"] = "<script>alert(1)</script>"
    with pytest.raises(InputError):
        validate_corpus("esconv", write(splits, tmp_path / "p"), BOUNDS, ESCONV, tmp_path / "v")
    page = (tmp_path / "v" / "docs" / "index.html").read_text()
    assert "<script" not in page
    assert not re.search(r"(src|href)=\"(?!data:)|url\(|@import|https?://", page)


def test_missing_folder_is_refused_and_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        validate_corpus("esconv", tmp_path / "nowhere", BOUNDS, ESCONV, tmp_path / "v")
    assert not (tmp_path / "v").exists()
