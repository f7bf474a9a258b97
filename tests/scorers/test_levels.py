"""The level classifier, from dialogues or a level file to its folder."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.scorers.conftest import Models

from eva.artifacts import read_json, write_jsonl
from eva.data.dialogue import Dialogue, Turn, supporter_turns
from eva.data.prepare import Dropped
from eva.data.utterances import SPLITS
from eva.errors import InputError
from eva.scorers.level_examples import from_turns, from_utterances, read_level_file, text_of
from eva.scorers.level_scorecard import LEVEL_LABELS
from eva.scorers.levels import train_level_classifier
from eva.scorers.reference import Reference
from eva.scorers.scorer_folder import load
from eva.settings.level_classifier_section import LevelClassifier


def test_it_learns_what_it_did_not_see(models: Models) -> None:
    scores = models.levels.scorecard
    assert scores.cross_validated.five.n == 100  # train and valid: 25 dialogues of 4 turns
    assert scores.test is not None
    assert scores.test.five.n == 20
    for evidence in (scores.cross_validated, scores.test):
        assert evidence.five.accuracy > evidence.five.majority_accuracy + 0.3
        assert evidence.four.n == sum(one.support for one in evidence.five.classes[1:])


def test_v_is_of_predicted_training_turns(models: Models) -> None:
    result, out = models.levels, models.folder / "level_classifier"
    reference = Reference.read(out / "reference.json")
    assert len(reference.dialogues) == 20  # not the validation dialogues
    assert reference.dialogues.sum() + reference.n_none == 80
    np.testing.assert_array_equal(reference.dialogues, result.reference.dialogues)
    assert "out-of-fold" in reference.provenance["labeller"]
    labels = read_json(out / "labels.json")
    assert (labels["kind"], labels["context_turns"], labels["probe_share"]) == ("level", 1, 0.25)
    labeller, _ = load(out, "level", list(LEVEL_LABELS))
    assert len(labeller.members) == 2  # a fold each
    for ensemble in labeller.members:
        assert ensemble.shares == [0.75, 0.25]
        assert [type(one).__name__ for one in ensemble.members] == ["Classifier", "Probe"]
    first, second = (member.members[1] for member in labeller.members)
    assert first.reading is second.reading
    assert not torch.equal(first.layer.weight, second.layer.weight)
    assert read_json(out / "scorecard.json")["cross_validated"]["five"]["n"] == 100


@pytest.mark.slow
def test_dropped_dialogues_teach_and_are_tested_on_but_are_not_in_v(
    encoder: Path,
    causal: Path,
    splits: dict[str, list[Dialogue]],
    level_settings: LevelClassifier,
    tmp_path: Path,
) -> None:
    def led(dialogue: Dialogue) -> Dialogue:
        first = Turn("assistant", "hello", ("Question",))
        return Dialogue(f"led-{dialogue.id}", "toy", 100, (first, *dialogue.turns))

    dropped = [Dropped(split, "supporter_first", led(splits["train"][i])) for i, split in enumerate(SPLITS)]
    result = train_level_classifier(
        level_settings, encoder, causal, splits, Path("unused"), tmp_path / "out", dropped
    )
    scores = result.scorecard
    assert scores.cross_validated.five.n == 100 + 2 * 5
    assert scores.test is not None
    assert scores.test_all is not None
    assert (scores.test.five.n, scores.test_all.five.n) == (20, 25)
    assert len(result.reference.dialogues) == 20


@pytest.mark.slow
def test_labels_of_v_are_not_the_annotations(
    encoder: Path,
    causal: Path,
    splits: dict[str, list[Dialogue]],
    level_settings: LevelClassifier,
    tmp_path: Path,
) -> None:
    """A dialogue annotated against all others gets the levels of its words, not of its annotation."""
    liar = Dialogue("liar", "toy", 99, tuple(
        Turn(turn.role, turn.content, ("Question",) if turn.strategies else ())
        for turn in splits["train"][0].turns
    ))  # fmt: skip
    given = {"train": [*splits["train"][1:], liar], "valid": [], "test": []}
    result = train_level_classifier(level_settings, encoder, causal, given, Path("unused"), tmp_path / "out")
    place = sorted(one.id for one in given["train"]).index("liar")
    assert result.reference.dialogues[place, 0].sum() < 4  # annotated: four questions
    assert result.scorecard.test is None


@pytest.mark.slow
def test_a_level_file_replaces_the_strategies(
    encoder: Path,
    causal: Path,
    splits: dict[str, list[Dialogue]],
    level_settings: LevelClassifier,
    tmp_path: Path,
) -> None:
    rows = [
        {"text": turn.gold.content, "level": turn.gold.weak_level, "dialogue_id": turn.dialogue.id}
        for turn in supporter_turns(splits["train"][:12])
    ]
    write_jsonl(tmp_path / "levels.jsonl", rows)
    settings = level_settings.model_copy(update={"labels": "file"})
    result = train_level_classifier(
        settings, encoder, causal, splits, tmp_path / "levels.jsonl", tmp_path / "out"
    )
    assert result.scorecard.cross_validated.five.n == 48
    assert result.scorecard.cross_validated.quartiles == ()  # a file's rows have no place
    assert len(result.reference.dialogues) == 20  # V is of all training dialogues all the same
    assert result.reference.provenance["labels_digest"]


def test_all_problems_of_a_level_file_at_once(tmp_path: Path) -> None:
    lines = [
        "{",
        '{"text": " ", "level": 1}',
        '{"text": "a", "level": 5}',
        '{"level": true, "context": 3}',
        "[]",
    ]
    (tmp_path / "levels.jsonl").write_text("\n".join(lines))
    with pytest.raises(InputError) as caught:
        read_level_file(tmp_path / "levels.jsonl", 1)
    message = str(caught.value)
    assert "7 problems" in message.splitlines()[0]
    for number in range(1, 6):
        assert f"line {number}:" in message
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(InputError, match="no rows"):
        read_level_file(tmp_path / "empty.jsonl", 1)


def test_context(splits: dict[str, list[Dialogue]], tmp_path: Path) -> None:
    assert text_of(["a", "b", "c"], "r", 2) == ("b c", "r")
    assert text_of(["a"], "r", 0) == "r"
    assert text_of([], "r", 3) == ("", "r")
    dialogue = splits["train"][0]
    second = from_turns([dialogue], 2)[1]
    assert second.text == (
        f"{dialogue.turns[1].content} {dialogue.turns[2].content}",
        dialogue.turns[3].content,
    )
    assert (second.turn, second.n_turns, second.quartile) == (2, 4, 2)
    row = {"text": "r", "level": 2, "context": "c"}
    (tmp_path / "one.jsonl").write_text(json.dumps(row))
    assert read_level_file(tmp_path / "one.jsonl", 0)[0].text == "r"
    assert read_level_file(tmp_path / "one.jsonl", 1)[0].text == ("c", "r")


def test_utterances_of_a_turn() -> None:
    dialogue = Dialogue("d", "toy", 0, (
        Turn("user", "hi"),
        Turn("assistant", "hello. why?", ("Others", "Question"), ("hello.", "why?")),
        Turn("user", "well"),
        Turn("assistant", "I see", ("Reflection of feelings",)),
        Turn("assistant", "unlabelled"),
    ))  # fmt: skip
    rows = from_utterances([dialogue], 1)
    assert [row.text for row in rows] == [("hi", "hello."), ("hi hello.", "why?"), ("well", "I see")]
    assert [row.level for row in rows] == [0, 1, 2]
    assert [(row.turn, row.whole) for row in rows] == [(1, False), (1, False), (2, True)]
    assert [row.text for row in from_utterances([dialogue], 0)] == ["hello.", "why?", "I see"]
    assert [row.text for row in from_turns([dialogue], 0)] == ["hello. why?", "I see", "unlabelled"]


@pytest.mark.slow
def test_utterances_teach_and_whole_turns_make_v(
    encoder: Path,
    causal: Path,
    splits: dict[str, list[Dialogue]],
    level_settings: LevelClassifier,
    tmp_path: Path,
) -> None:
    def split_up(dialogue: Dialogue) -> Dialogue:
        turns = list(dialogue.turns)
        said = turns[1]
        parts = (said.content, "and so on")
        turns[1] = Turn(said.role, " ".join(parts), (*said.strategies, "Others"), parts)
        return Dialogue(dialogue.id, "toy", 0, tuple(turns))

    given = {name: [split_up(one) for one in part] for name, part in splits.items()}
    result = train_level_classifier(level_settings, encoder, causal, given, Path("unused"), tmp_path / "out")
    scores = result.scorecard
    assert scores.test is not None
    assert scores.test_turns is not None
    assert (scores.cross_validated.five.n, scores.test.five.n, scores.test_turns.five.n) == (125, 25, 20)
    assert result.reference.dialogues.sum() + result.reference.n_none == 80


def test_a_corpus_without_strategies(
    encoder: Path,
    causal: Path,
    splits: dict[str, list[Dialogue]],
    level_settings: LevelClassifier,
    tmp_path: Path,
) -> None:
    bare = [Dialogue("d", "ed", 0, (Turn("user", "a"), Turn("assistant", "b")))]
    with pytest.raises(InputError, match="no weak labels"):
        train_level_classifier(
            level_settings, encoder, causal, {"train": bare}, Path("unused"), tmp_path / "out"
        )
    assert not (tmp_path / "out").exists()
