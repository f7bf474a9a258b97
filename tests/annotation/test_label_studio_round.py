"""The Label Studio project: what its interface names, its tasks have; its export is read, and checked."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from docs.studies.simulated_annotators import true_order
from tests.annotation.conftest import NewRound

from eva.annotation.gathering import Answers, read_answers
from eva.annotation.label_studio_round import config
from eva.annotation.round_key import Kind, Round
from eva.annotation.votes import MOST_AGAINST, decide_levels, decide_rankings
from eva.errors import InputError

Value = Callable[[Mapping[str, Any]], Mapping[str, Any]]


def tasks_of(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / "label_studio" / "tasks.json").read_text())
    return found


def annotated(folder: Path, users: Sequence[int], value: Value) -> list[dict[str, Any]]:
    """The tasks as Label Studio exports them, each with an annotation of every user."""
    found = tasks_of(folder)
    for number, task in enumerate(found, start=1):
        task |= {"id": number, "annotations": [annotation(user, value(task["data"])) for user in users]}
    return found


def annotation(user: int, value: Mapping[str, Any]) -> dict[str, Any]:
    (control,) = value
    name = "ranking" if control == "ranker" else "level"
    result = {"from_name": name, "to_name": "responses", "type": control, "value": value}
    return {"completed_by": user, "was_cancelled": False, "lead_time": 12.5, "result": [result]}


def read(made: Round, folder: Path, tasks: object, *, partial: bool = False) -> Answers:
    path = folder / "answers" / "export.json"
    path.write_text(json.dumps(tasks))
    return read_answers(made.key, [path], partial=partial)


def problems(made: Round, folder: Path, tasks: object) -> tuple[str, ...]:
    with pytest.raises(InputError) as error:
        read(made, folder, tasks)
    return error.value.problems


def best_first(made: Round) -> Value:
    """The value of a ranking without an error."""

    def value(data: Mapping[str, Any]) -> Mapping[str, Any]:
        task = next(one for one in made.key.shared if one.name == data["task"])
        order = [chr(97 + task.shown.index(name)) for name in true_order(made.items[task.item])]
        return {"ranker": {"_": [], "ranked": order, "unusable": []}}

    return value


@pytest.mark.parametrize("kind", Kind)
def test_interface_and_tasks_fit(new_round: NewRound, folder: Path, kind: Kind) -> None:
    new_round(kind)
    view = ElementTree.fromstring(config(kind))
    names = [one.get("name") for one in view.iter() if one.get("name")]
    assert len(names) == len(set(names))
    shown = {one.get("value", "")[1:] for one in view.iter() if one.get("value", "").startswith("$")}
    tasks = tasks_of(folder)
    assert len(tasks) == (24 if kind is Kind.RANKING else 96)
    assert all(shown < task["data"].keys() for task in tasks)
    for control in (*view.iter("Ranker"), *view.iter("Choices")):
        assert control.get("toName") in names
    assert "Radical Genuineness" in ElementTree.tostring(view, encoding="unicode")


def test_tasks_tell_neither_level_nor_name(new_round: NewRound, folder: Path) -> None:
    made = new_round()
    text = (folder / "label_studio" / "tasks.json").read_text()
    assert not [one for found in made.items.values() for one in found if one.candidate in text]
    assert {key for task in tasks_of(folder) for key in task["data"]} == {
        "project", "task", "conversation", "responses",
    }  # fmt: skip
    assert [one["id"] for one in tasks_of(folder)[0]["data"]["responses"]] == ["a", "b", "c", "d"]


def test_rankings_are_read(new_round: NewRound, folder: Path) -> None:
    made = new_round()
    found = read(made, folder, annotated(folder, [1, 2], best_first(made)))
    assert {one.annotator for one in found.given} == {"label_studio:1", "label_studio:2"}
    assert {one.seconds for one in found.given} == {12.5}
    decisions = decide_rankings(found.given, made.items, MOST_AGAINST)
    assert [list(one.order) for one in decisions] == [true_order(made.items[one.item]) for one in decisions]


def test_levels_are_read_also_where_users_got_different_candidates(new_round: NewRound, folder: Path) -> None:
    made = new_round(Kind.LEVELS)
    levels = {one.text: one.level for found in made.items.values() for one in found}
    tasks = annotated(folder, [1, 2], lambda data: {"choices": [str(levels[data["response"]])]})
    del tasks[0]["annotations"][1]
    tasks[1]["annotations"] = [annotation(user, {"choices": ["unusable"]}) for user in (1, 2)]
    decisions = decide_levels(read(made, folder, tasks).given, made.items, MOST_AGAINST)
    assert sorted(one.annotators for one in decisions)[:2] == [1, 2]
    assert len([one for one in decisions if one.unusable]) == 1
    right = [levels[_text(made, one.item, one.order[0])] == one.level for one in decisions if one.order]
    assert len(right) == 95
    assert all(right)


def _text(made: Round, item: str, name: str) -> str:
    return next(one.text for one in made.items[item] if one.candidate == name)


def test_all_problems_of_an_export_at_once(new_round: NewRound, folder: Path) -> None:
    made = new_round()
    tasks = annotated(folder, [1], best_first(made))
    tasks[0]["annotations"] *= 2
    tasks[1]["annotations"][0]["result"][0]["value"] = {"ranker": {"_": ["a"], "ranked": ["b", "c", "d"]}}
    tasks[2]["annotations"][0]["result"][0]["value"] = {"ranker": {"ranked": ["b", "c", "d"]}}
    tasks[3]["annotations"][0]["result"][0]["value"] = {"ranker": {"ranked": ["b", "c", "d", 4]}}
    tasks[4]["annotations"][0]["was_cancelled"] = True
    tasks[5]["data"]["project"] = "another"
    tasks[6]["data"]["task"] = ["t1"]
    found = problems(made, folder, tasks)
    for part in (
        "task 1 annotation 2: label_studio:1 answered t01 already, in export.json task 1 annotation 1",
        "label_studio:1 left responses of t02 unsorted",
        "response a is neither ranked nor flagged",
        "expected places from 0 to 3",
        "task 5 annotation 1: label_studio:1 skipped it",
        "export.json: 1 of 24 tasks belong to the project 'another', and this is",
        "task ['t1'] is not in the key",
    ):
        assert sum(part in line for line in found) == 1, part
    assert len(found) == 7


def test_a_result_that_is_no_object_is_no_export(new_round: NewRound, folder: Path) -> None:
    made = new_round()
    tasks = annotated(folder, [1], best_first(made))
    tasks[0]["annotations"][0]["result"] = ["ranked"]
    assert problems(made, folder, tasks) == (
        "export.json: is no Label Studio export; export the project with type `JSON`",
    )


def test_a_level_that_is_none(new_round: NewRound, folder: Path) -> None:
    made = new_round(Kind.LEVELS)
    tasks = annotated(folder, [1], lambda data: {"choices": ["7" if data["letter"] == "b" else "1"]})
    assert "chose the level '7' of t01, expected 0 to 4" in problems(made, folder, tasks)[0]


def test_one_person_in_two_exports(new_round: NewRound, folder: Path) -> None:
    made = new_round()
    tasks = annotated(folder, [1], best_first(made))
    paths = [folder / "answers" / name for name in ("one.json", "two.json")]
    for path in paths:
        path.write_text(json.dumps(tasks))
    with pytest.raises(InputError) as error:
        read_answers(made.key, paths, partial=False)
    assert error.value.problems == (
        "two.json: 24 of its answers are in one.json, too (label_studio:1 on t01, …); keep one of both files",
    )
