"""The preference set: pairs, splits, checks, card and metadata, and that `preferences` reads it."""

import json
import random
from pathlib import Path

import pytest

from eva.collection import curating
from eva.collection.collecting import Collected
from eva.collection.collecting import write as write_candidates
from eva.collection.pairs import Pair, pairs_by_fit, pairs_by_rank
from eva.collection.rankers import lifts, rank
from eva.collection.set_tables import counted
from eva.data.candidates import HUMAN, Candidate, Ranked, write_ranked
from eva.data.dialogue import Dialogue, SupporterTurn, Turn
from eva.data.evad import load_evad
from eva.errors import InputError
from eva.manifest import folder_fault
from eva.preferences.recipes import build
from eva.settings.preferences_section import Preferences


def _dialogue(name: str, position: int) -> Dialogue:
    said = [
        turn
        for number in range(4)
        for turn in (
            Turn("user", f"I lost thing {number} of {name}."),
            Turn("assistant", f"Tell me about {number}.", ("Question",)),
        )
    ]
    return Dialogue(name, "toy", position, tuple(said))


SPLITS = {
    split: [_dialogue(f"{split}{n}", 10 * place + n) for n in range(3)]
    for place, split in enumerate(("train", "valid", "test"))
}
pytestmark = pytest.mark.slow  # Great Expectations takes seconds to import
WORDS = [f"word{n}" for n in range(400)]
SETTINGS = Preferences(recipe="evad", corpus="toy", valid_share=0.2, encoder="minilm")


def _candidates(turn: SupporterTurn) -> list[Candidate]:
    """Four of eight other words each; level and length tell nothing of each other."""
    draw = random.Random(str(turn.key))
    return [Candidate.at(turn, " ".join(draw.sample(WORDS, 8)), level, "model-x") for level in (1, 2, 3, 4)]


CANDIDATES = [
    one for own in SPLITS.values() for d in own for turn in d.supporter_turns() for one in _candidates(turn)
]
ITEMS = list(dict.fromkeys(one.item for one in CANDIDATES))


def _ranked(item: str, against: int = 2) -> Ranked:
    own = [one for one in CANDIDATES if one.item == item]
    order = sorted(own, key=lambda one: abs((one.level or 0) - one.quartile))
    return Ranked(item, tuple(one.candidate for one in order), 12, against, kept=against <= 5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collection with a ranking by people, of whom seven disagreed on the first item."""
    path = tmp_path_factory.mktemp("collection")
    write_candidates(Collected(CANDIDATES, [], {"model": "model-x"}), path / "candidates")
    write_ranked(path / "ranked.jsonl", [_ranked(ITEMS[0], 7), *map(_ranked, ITEMS[1:-1])])
    judged = rank(path / "candidates", path / "ranked.jsonl", SPLITS, path / "answers")
    found = curating.assemble(judged.pairs, judged.left_out, SPLITS)
    curating.write("mine", found, judged.ranked, {**judged.about, "corpus": "toy"}, path / "set")
    return path


def test_pairs_follow_the_corpus_splits_and_leave_out_what_is_not_sure(folder: Path) -> None:
    records = json.loads((folder / "set" / "EVAD.json").read_text())
    statistics = json.loads((folder / "set" / "statistics.json").read_text())
    assert {record["Dialogue"][:5] for record in records} == {"train", "valid"}
    assert all(record["Dialogue"].startswith(record["Split"]) for record in records)
    assert statistics["left_out"] == {
        "not_ranked": 1, "low_agreement": 1, "test_dialogue": 11, "copy_across_splits": 0
    }  # fmt: skip
    assert [statistics["splits"][split]["examples"] for split in ("train", "valid")] == [11, 12]
    first = records[0]
    assert (first["ID"], first["Annotators"], first["Against"], first["MachineMade"]) == ("0_2", 12, 2, False)
    assert (first["ChosenLevel"], first["RejectedLevel"]) == (2, 4)
    assert statistics["chosen_levels_by_quartile"]["3"] == [0, 0, 6, 0]


def test_the_folder_holds_card_metadata_checks_and_v(folder: Path) -> None:
    made = folder / "set"
    assert folder_fault(made) is None
    records = json.loads((made / "EVAD.json").read_text())
    card = (made / "README.md").read_text()
    assert [key for key in records[0] if f"| `{key}` |" not in card] == []
    assert "| train, the paper's | 5,157 | 937 | 1,209 | 1,182 | 1,829 | 0 |" in card
    assert "People ranked the candidates" in card
    metadata = json.loads((made / "croissant.json").read_text())
    (file,) = (one for one in metadata["distribution"] if one["@id"] == "EVAD.json")
    assert len(file["sha256"]) == 64
    assert json.loads((made / "validated" / "verdict.json").read_text())["success"]
    assert json.loads((made / "reference.json").read_text())["counts"]["4"] == [0, 0, 0, 6]
    rows = [json.loads(line) for line in (made / "levels.jsonl").read_text().splitlines()]
    assert len(rows) == 46
    assert {row["level"] for row in rows} == {1, 2, 3, 4}
    assert (made / "levels.svg").read_text().startswith("<svg")


def test_the_metadata_names_the_type_of_every_value(folder: Path) -> None:
    """A loader casts what a path finds to the type that the metadata names; mlcroissant fails on a list."""
    records = json.loads((folder / "set" / "EVAD.json").read_text())
    fields = json.loads((folder / "set" / "croissant.json").read_text())["recordSet"][0]["field"]
    types = {"sc:Text": str, "sc:Integer": int, "sc:Boolean": bool}
    named = {field["name"].partition("/")[0] for field in fields}
    assert named == set(records[0])
    for field in fields:
        key, _, part = field["name"].partition("/")
        values = [record[key] for record in records]
        if field.get("repeated"):
            assert field["source"]["transform"] == {"jsonPath": part}
            values = [said[part] for value in values for said in value]
        assert {type(value) for value in values} == {types[field["dataType"]]}, field["name"]


def test_preferences_read_it_by_one_setting(folder: Path) -> None:
    records = load_evad(folder / "set" / "EVAD.json")
    sets = build(SETTINGS, SPLITS, records)
    assert {pair.source for pair in sets.train} == {"collected"}
    assert {pair.dialogue_id for pair in sets.valid} == {"valid0", "valid1", "valid2"}
    assert sets.statistics["left_out"]["test_split_refused"] == 0
    with pytest.raises(InputError, match=r"people ranked 23 of 23 pairs; set preferences.recipe to evad"):
        build(SETTINGS.model_copy(update={"recipe": "sampled"}), SPLITS, records)


def test_a_machines_pairs_are_marked_and_not_taken_for_peoples(folder: Path, tmp_path: Path) -> None:
    fits = {1: [1], 2: [2], 3: [3], 4: [4]}
    levels = [one.level or 0 for one in CANDIDATES]
    pairs, left_out = pairs_by_fit(CANDIDATES, levels, fits, "levels:abc")
    assert len(pairs) == len(ITEMS)
    assert {pair.chosen_level == pair.chosen.quartile for pair in pairs} == {True}
    about = {"ranker": "levels:abc", "machine_made": True}
    found = curating.assemble(pairs, left_out, SPLITS)
    curating.write("made", found, [pair.ranked for pair in pairs], about, tmp_path / "set")
    assert "Machine-made: no person ranked these pairs" in (tmp_path / "set" / "README.md").read_text()
    records = load_evad(tmp_path / "set" / "EVAD.json")
    assert all(record.machine_made for record in records)
    with pytest.raises(
        InputError, match=r"a machine ranked 24 of 24 pairs; set preferences.recipe to sampled"
    ):
        build(SETTINGS, SPLITS, records)
    sampled = build(SETTINGS.model_copy(update={"recipe": "sampled"}), SPLITS, records)
    assert sampled.statistics["recipe"] == "sampled"


def test_uneven_and_unlevelled_candidates_make_no_pair() -> None:
    turn = next(SPLITS["train"][0].supporter_turns())
    short, long, none = (
        Candidate.at(turn, text, None, "m") for text in ("Go on.", "I see how much it hurts you now.", "Hm.")
    )
    fits = {1: [1], 2: [], 3: [], 4: []}
    assert pairs_by_fit([short, long], [1, 4], fits, "x")[1] == {
        "levels_of_one_fit": 0,
        "uneven_in_length": 1,
    }
    assert pairs_by_fit([short, none], [1, 0], fits, "x")[1] == {
        "levels_of_one_fit": 1,
        "uneven_in_length": 0,
    }


def test_a_training_response_that_is_nearly_a_held_out_one_is_left_out() -> None:
    texts = "I can hear how tired you are of all this."
    own = [turn for split in ("train", "valid") for turn in SPLITS[split][0].supporter_turns()][3:6]
    pairs = [
        Pair(
            Candidate.at(turn, text, 1, "m"),
            Candidate.at(turn, f"no {n} of {n}", 2, "m"),
            1,
            2,
            _ranked(ITEMS[1]),
        )
        for n, (turn, text) in enumerate(zip(own, (texts, texts.lower(), "Other words."), strict=True))
    ]
    with pytest.raises(InputError, match=r"no pair is left to train on .*'copy_across_splits': 1"):
        curating.assemble(pairs, {}, SPLITS)


def test_an_answer_of_a_judge_that_is_no_order_is_no_low_agreement() -> None:
    ranked = [_ranked(ITEMS[0], 7), _ranked(ITEMS[1])]
    assert pairs_by_rank(CANDIDATES, ranked)[1] == {"not_ranked": len(ITEMS) - 2, "low_agreement": 1}
    by_judge = pairs_by_rank(CANDIDATES, ranked, "judged")[1]
    assert by_judge == {"not_ranked": len(ITEMS) - 2, "order_unreadable": 1}


def test_two_unknown_levels_are_not_one_level() -> None:
    turn = next(SPLITS["train"][0].supporter_turns())
    one, other = (Candidate.at(turn, text, None, "m") for text in ("One.", "Other."))
    own = [Pair(one, other, None, None, _ranked(ITEMS[0])), Pair(one, other, 2, 2, _ranked(ITEMS[0]))]
    assert counted({"train": own})["same_level"] == 1


def test_human_candidates_are_named_in_the_source() -> None:
    turn = next(SPLITS["train"][0].supporter_turns())
    human, model = Candidate.at(turn, "Mine.", None, HUMAN), Candidate.at(turn, "Its.", 2, "m")
    assert Pair(human, model, None, 2, _ranked(ITEMS[0])).source == "collected:human_chosen"
    assert Pair(model, human, 2, None, _ranked(ITEMS[0]), "judged").source == "judged:human_rejected"


def test_a_damaged_collection_and_a_wrong_ranking_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"neither a ranked.jsonl nor the folder"):
        rank(folder / "candidates", tmp_path, SPLITS, tmp_path)
    write_candidates(Collected(CANDIDATES, [], {"model": "x"}), tmp_path / "candidates")
    with (tmp_path / "candidates" / "left_out.jsonl").open("a") as file:
        file.write("{}\n")
    with pytest.raises(InputError, match="collect again, or restore the folder"):
        rank(tmp_path / "candidates", folder / "ranked.jsonl", SPLITS, tmp_path)


def test_a_level_lifts_where_it_is_more_frequent_than_elsewhere() -> None:
    found = lifts(SPLITS["train"])
    assert found[1] == {1: 1.0, 2: 0.0, 3: 0.0, 4: 0.0}
