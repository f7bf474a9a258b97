"""The figures that the published corpora are known to have."""

import json
from collections import Counter
from pathlib import Path

import pytest

from eva.data.dialogue import LEVELS, STRATEGY_LEVELS, Dialogue, quartile
from eva.data.epitome import load_epitome
from eva.data.esconv import load_esconv, load_failed_esconv
from eva.data.evad import for_training, load_evad, match_evad
from eva.data.prepare import level_counts, prepare, read_all, write
from eva.settings.corpora_section import Corpus
from eva.settings.prepare_section import Prepare


@pytest.fixture(scope="module")
def esconv(shared_data: Path) -> dict[str, list[Dialogue]]:
    return dict(load_esconv(shared_data / "esconv").splits)


def test_esconv_counts(shared_data: Path) -> None:
    corpus = Corpus(format="esconv", path=shared_data / "esconv", min_dialogues=1)
    splits = prepare("esconv", corpus, Prepare(keep_supporter_first=False)).statistics["splits"]
    assert [split["read"]["dialogues"] for split in splits.values()] == [910, 195, 165]
    assert [split["read"]["utterances"] for split in splits.values()] == [26648, 5678, 5032]
    assert [split["dialogues"] for split in splits.values()] == [422, 94, 86]


def test_esconv_train_strategies_agree_with_a_plain_count(
    shared_data: Path, esconv: dict[str, list[Dialogue]]
) -> None:
    rows = json.loads((shared_data / "esconv/ESConv.json").read_text(encoding="utf-8"))
    train = json.loads((shared_data / "esconv/splits.json").read_text(encoding="utf-8"))["train"]
    plain = Counter(
        said["annotation"]["strategy"]
        for index in train
        for said in rows[index]["dialog"]
        if said["speaker"] == "supporter"
    )
    loaded = Counter(name for d in esconv["train"] for turn in d.turns for name in turn.strategies)
    assert loaded == plain
    assert loaded.total() == 12759


def test_weak_levels_of_single_utterances_have_the_published_trend(esconv: dict[str, list[Dialogue]]) -> None:
    """Shares by quartile over all of ESConv train, before joining (ADR 11)."""
    counts = {level: [0, 0, 0, 0] for level in LEVELS}
    for dialogue in esconv["train"]:
        labels = [STRATEGY_LEVELS[name] for turn in dialogue.turns for name in turn.strategies]
        for number, level in enumerate(labels, start=1):
            if level:
                counts[level][quartile(number, len(labels)) - 1] += 1
    assert {level: [round(n / sum(row), 2) for n in row] for level, row in counts.items()} == {
        1: [0.53, 0.23, 0.14, 0.10],
        2: [0.28, 0.36, 0.20, 0.16],
        3: [0.14, 0.30, 0.25, 0.30],
        4: [0.07, 0.30, 0.36, 0.27],
    }


def test_weak_levels_of_joined_turns_keep_that_trend(esconv: dict[str, list[Dialogue]]) -> None:
    used = [d for d in esconv["train"] if d.turns[0].role == "user"]
    counts = level_counts(used)
    assert {level: [round(n / sum(row), 2) for n in row] for level, row in counts.items()} == {
        "1": [0.52, 0.24, 0.14, 0.10],
        "2": [0.28, 0.35, 0.21, 0.17],
        "3": [0.13, 0.30, 0.25, 0.32],
        "4": [0.06, 0.31, 0.35, 0.28],
    }


def test_failed_esconv(shared_data: Path) -> None:
    loaded = load_failed_esconv(shared_data / "esconv")
    train = loaded.splits["train"]
    assert (len(train), sum(loaded.utterances.values())) == (196, 5230)
    assert sum(d.turns[0].role == "user" for d in train) == 125
    names = Counter(name for d in train for turn in d.turns for name in turn.strategies)
    assert names["Question"] == 528
    assert set(names) == set(STRATEGY_LEVELS)


def test_evad_histories_are_beginnings_of_esconv(
    shared_data: Path, esconv: dict[str, list[Dialogue]]
) -> None:
    records = load_evad(shared_data / "evad" / "EVAD_sample.json")
    matches = match_evad(records, esconv)
    assert len(matches) == 13
    assert all(match.dialogue and match.dialogue.position == match.record.position for match in matches)
    assert Counter(match.split for match in matches) == {"train": 9, "valid": 1, "test": 3}
    assert sorted(m.record.position for m in matches if m.split == "test") == [21, 187, 551]
    assert sorted(m.record.position for m in matches if m not in for_training(matches)) == [21, 187, 551]
    assert all(1 <= match.turn <= match.n_turns for match in matches)


def test_evad_histories_are_found_in_the_prepared_corpus(shared_data: Path, tmp_path: Path) -> None:
    corpus = Corpus(format="esconv", path=shared_data / "esconv", min_dialogues=1)
    write(prepare("esconv", corpus, Prepare(keep_supporter_first=True)), tmp_path / "out")
    records = load_evad(shared_data / "evad" / "EVAD_sample.json")
    assert all(match.dialogue for match in match_evad(records, read_all(tmp_path / "out")))


@pytest.mark.parametrize(
    ("mechanism", "levels"),
    [("er", [2037, 895, 152]), ("ex", [2604, 104, 376]), ("ip", [1626, 114, 1344])],
)
def test_epitome_levels(shared_data: Path, mechanism: str, levels: list[int]) -> None:
    pairs = load_epitome(shared_data / "epitome", mechanism)
    counts = Counter(pair.level for pair in pairs)
    assert (len(pairs), [counts[level] for level in range(3)]) == (3084, levels)


@pytest.mark.slow
def test_empathetic_dialogues_counts(shared_data: Path) -> None:
    corpus = Corpus(format="empathetic_dialogues", path=shared_data / "empathetic_dialogues", min_dialogues=1)
    splits = prepare("ed", corpus, Prepare(keep_supporter_first=False)).statistics["splits"]
    assert [split["read"]["dialogues"] for split in splits.values()] == [19532, 2770, 2547]
    assert [split["read"]["utterances"] for split in splits.values()] == [84165, 12078, 10973]
    assert [split["dropped"]["no_reply"] for split in splits.values()] == [2, 1, 0]
    assert len(splits["train"]["emotions"]) == 32
