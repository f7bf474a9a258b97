"""Who gets which items: overlap, load, whole dialogues, blinded pages."""

import json
import re
from collections import Counter
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import pytest
from docs.studies.simulated_annotators import invented
from tests.annotation.conftest import NewRound

from eva.annotation.assignment import Workload
from eva.annotation.round_export import plan_round, write_round
from eva.annotation.round_key import Kind, Round
from eva.data.candidates import by_item, write_candidates
from eva.errors import InputError


def test_every_item_has_its_annotators_and_loads_are_even(new_round: NewRound) -> None:
    made = new_round(annotators=5, per_item=2)
    tasks = made.key.assignments.values()
    overlap = Counter(task.item for found in tasks for task in found)
    assert overlap == dict.fromkeys(made.items, 2)
    assert max(map(len, tasks)) - min(map(len, tasks)) <= 4, "no more than one dialogue apart"


def test_dialogues_are_whole_and_in_their_order(new_round: NewRound) -> None:
    for tasks in new_round().key.assignments.values():
        places = [tuple(task.item.rsplit(":", 1)) for task in tasks]
        runs = [[int(turn) for _, turn in run] for _, run in groupby(places, key=lambda place: place[0])]
        assert runs == [[1, 2, 3, 4]] * 6


def test_orders_differ_between_annotators_and_are_balanced(new_round: NewRound) -> None:
    made = new_round(annotators=12)
    shown = [task.shown for tasks in made.key.assignments.values() for task in tasks]
    first = Counter(made.items[t.item].index(next(c for c in made.items[t.item] if c.candidate == t.shown[0]))
                    for tasks in made.key.assignments.values() for t in tasks)  # fmt: skip
    assert len(set(shown)) > len(shown) / 2
    assert all(40 < count < 110 for count in first.values()), "each level is first in a quarter of 288 tasks"


def test_repeats_come_last_in_an_order_of_their_own(new_round: NewRound) -> None:
    for tasks in new_round(repeats=5).key.assignments.values():
        assert [task.repeat for task in tasks] == [False] * 24 + [True] * 5
        assert len({task.item for task in tasks[24:]}) == 5


def test_equal_inputs_give_equal_rounds(candidates: Path) -> None:
    one, same, other = (
        plan_round(candidates, Kind.RANKING, Workload(3, 2, None, seed)) for seed in (1, 1, 2)
    )
    assert one.key == same.key
    assert one.key.project != other.key.project


def test_pages_tell_neither_level_nor_name_of_a_candidate(new_round: NewRound, folder: Path) -> None:
    made = new_round()
    page = (folder / "pages" / "annotator_1.html").read_text()
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.S)[1])
    names = {one.candidate for found in made.items.values() for one in found}
    assert not [name for name in names if name in page]
    assert {key for task in data["tasks"] for key in task} == {"task", "dialogue", "messages", "texts"}
    assert "invented" not in page, "neither the source nor the dialogue"


def test_histories_of_a_dialogue_are_stored_once(new_round: NewRound, folder: Path) -> None:
    made = new_round()
    page = (folder / "pages" / "annotator_1.html").read_text()
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.S)[1])
    assert len(data["dialogues"]) == 6
    for task, shown in zip(made.key.assignments["annotator_1"], data["tasks"], strict=True):
        history = data["dialogues"][shown["dialogue"]][: shown["messages"]]
        assert history == list(made.items[task.item][0].history)


def test_a_text_cannot_end_the_script_element(tmp_path: Path) -> None:
    hostile = [replace(one, text=f"</script><b id='x'>{one.level}") for one in invented(1, 1)]
    write_candidates(tmp_path / "c.jsonl", hostile)
    made = plan_round(tmp_path / "c.jsonl", Kind.RANKING, Workload(1, 1, 0, 0))
    write_round(made, tmp_path / "c.jsonl", tmp_path / "round")
    page = (tmp_path / "round" / "pages" / "annotator_1.html").read_text()
    assert "</script><b" not in page


def test_what_cannot_be_is_refused_at_once(candidates: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        plan_round(candidates, Kind.RANKING, Workload(3, 4, 25, 0))
    assert error.value.problems == (
        "--per-item 4: there are 3 annotators",
        "--repeats 25: there are 24 items",
    )
    write_candidates(tmp_path / "one.jsonl", invented(1, 1)[:1])
    with pytest.raises(InputError, match="has 1 candidate: ranking needs two or more"):
        plan_round(tmp_path / "one.jsonl", Kind.RANKING, Workload(1, 1, 0, 0))
    plan_round(tmp_path / "one.jsonl", Kind.LEVELS, Workload(1, 1, 0, 0))


def test_a_folder_with_answers_is_not_overwritten(new_round: NewRound) -> None:
    new_round()
    with pytest.raises(InputError, match="may hold answers"):
        new_round()


def test_changed_candidates_are_noticed(new_round: NewRound, folder: Path) -> None:
    new_round()
    write_candidates(folder / "candidates.jsonl", invented(6, 4, seed=1))
    with pytest.raises(InputError, match="not the candidates that were given out"):
        Round.read(folder)


def test_items_keep_the_order_of_the_file() -> None:
    found = invented(2, 2)
    assert list(by_item(found)) == ["invented-000:1", "invented-000:2", "invented-001:1", "invented-001:2"]
