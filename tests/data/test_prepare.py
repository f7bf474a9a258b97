"""Dialogue rules, counts, and the files that are written."""

import json
from pathlib import Path
from typing import Any

import pytest

from eva.data.dialogue import Dialogue, Turn
from eva.data.prepare import level_counts, prepare, read_all, read_split, without_leading_supporter, write
from eva.errors import InputError
from eva.settings.corpora_section import Corpus
from eva.settings.prepare_section import Prepare

SPEAKERS = {"u": "seeker", "s": "supporter"}


def row(*said: str) -> dict[str, Any]:
    dialog = [
        {
            "speaker": SPEAKERS[text[0]],
            "content": f"{text} it is.",
            "annotation": {"strategy": "Question"} if text[0] == "s" else {},
        }
        for text in said
    ]
    return {"dialog": dialog, "emotion_type": "fear"}


def corpus_of(folder: Path, rows: list[dict[str, Any]], splits: dict[str, list[int]]) -> Corpus:
    (folder / "ESConv.json").write_text(json.dumps(rows), encoding="utf-8")
    (folder / "splits.json").write_text(json.dumps(splits), encoding="utf-8")
    return Corpus(format="esconv", path=folder, min_dialogues=1)


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    rows = [
        row("u1", "s1", "s2", "u2", "s3"),
        row("s1", "u1", "s2"),  # the supporter starts
        row("u1", "u2"),  # nobody answers
        row("s1", "u1"),  # nobody answers what is left without the opening
        row("u1", "s1"),
        row("u1", "s1", "u2"),
    ]
    return corpus_of(tmp_path, rows, {"train": [0, 1, 2, 3], "valid": [4], "test": [5]})


def test_supporter_first_and_unanswered_dialogues_are_dropped(corpus: Corpus) -> None:
    prepared = prepare("mine", corpus, Prepare(keep_supporter_first=False))
    assert [d.id for d in prepared.splits["train"]] == ["esconv-0"]
    assert {d.dialogue.id: (d.split, d.reason) for d in prepared.dropped} == {
        "esconv-1": ("train", "supporter_first"),
        "esconv-2": ("train", "no_reply"),
        "esconv-3": ("train", "supporter_first"),
    }


def test_keeping_supporter_first_removes_only_the_opening(corpus: Corpus) -> None:
    prepared = prepare("mine", corpus, Prepare(keep_supporter_first=True))
    kept = prepared.splits["train"]
    assert [d.id for d in kept] == ["esconv-0", "esconv-1"]
    assert [turn.content for turn in kept[1].turns] == ["u1 it is.", "s2 it is."]
    assert {d.reason for d in prepared.dropped} == {"no_reply"}


def test_a_trailing_user_turn_stays(corpus: Corpus) -> None:
    prepared = prepare("mine", corpus, Prepare(keep_supporter_first=False))
    assert [turn.role for turn in prepared.splits["test"][0].turns] == ["user", "assistant", "user"]


def test_statistics_count_before_and_after(corpus: Corpus) -> None:
    statistics = prepare("mine", corpus, Prepare(keep_supporter_first=False)).statistics
    train = statistics["splits"]["train"]
    assert train == {
        "read": {"dialogues": 4, "utterances": 12},
        "dropped": {"supporter_first": 2, "no_reply": 1},
        "dialogues": 1,
        "utterances": 5,
        "turns": 4,
        "supporter_turns": 2,
        "median_turns": 4,
        "max_turns": 4,
        "strategies": {"Question": 3},
        "emotions": {"fear": 1},
    }
    assert statistics["weak_levels"]["counts"]["1"] == [0, 1, 0, 1]
    assert statistics["weak_levels"]["shares"]["1"] == [0, 0.5, 0, 0.5]


def test_what_is_written_reads_back_and_is_the_same_twice(corpus: Corpus, tmp_path: Path) -> None:
    prepared = prepare("mine", corpus, Prepare(keep_supporter_first=False))
    out = tmp_path / "out"
    write(prepared, out)
    first = {path.name: path.read_bytes() for path in out.iterdir()}
    write(prepare("mine", corpus, Prepare(keep_supporter_first=False)), out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == first
    assert sorted(first) == ["dropped.jsonl", "statistics.json", "test.jsonl", "train.jsonl", "valid.jsonl"]
    assert read_split(out, "train") == prepared.splits["train"]
    assert [d.id for d in read_all(out)["train"]] == ["esconv-0", "esconv-1", "esconv-2", "esconv-3"]
    with pytest.raises(InputError, match="unknown split 'dev'; known: train, valid, test"):
        read_split(out, "dev")


def test_a_dialogue_in_two_splits_is_refused(tmp_path: Path) -> None:
    header = "conv_id,utterance_idx,context,prompt,speaker_idx,utterance,selfeval,tags"
    for split in ("train", "valid", "test"):
        name = "hit:1_conv:1" if split != "valid" else "hit:2_conv:2"
        lines = [header, f"{name},1,sad,Hm.,0,Hm.,,", f"{name},2,sad,Hm.,1,Yes?,,", ""]
        (tmp_path / f"{split}.csv").write_text("\n".join(lines), encoding="utf-8")
    corpus = Corpus(format="empathetic_dialogues", path=tmp_path, min_dialogues=1)
    with pytest.raises(InputError, match="dialogue hit:1_conv:1: is in train and again in test"):
        prepare("mine", corpus, Prepare(keep_supporter_first=False))


def test_levels_are_counted_in_the_quartile_of_their_turn() -> None:
    turns = [Turn("user", "x"), Turn("assistant", "y", ("Question",))] * 4
    turns[-1] = Turn("assistant", "z", ("Information", "Others"))
    dialogue = Dialogue("d", "esconv", 0, (*turns, Turn("user", "x"), Turn("assistant", "w", ("Others",))))
    counts = level_counts([dialogue])
    assert counts == {"1": [1, 1, 1, 0], "2": [0] * 4, "3": [0] * 4, "4": [0, 0, 0, 1]}


def test_a_dialogue_that_the_user_starts_is_left_alone() -> None:
    dialogue = Dialogue("d", "esconv", 0, (Turn("user", "x"), Turn("assistant", "y")))
    assert without_leading_supporter(dialogue) is dialogue
