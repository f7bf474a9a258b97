"""The Label Studio project: what its interface names, its tasks have; its export is read back."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.cli.conftest import Eva
from tests.human.conftest import annotate, fill

from eva.errors import InputError
from eva.human.forms import FORMS, Form
from eva.human.key import Key
from eva.human.label_studio import config
from eva.human.ratings import Ratings, read_ratings


@pytest.fixture
def study(eva: Eva, systems: tuple[Path, Path]) -> Path:
    assert eva("human", "export", *systems, "--out", "study", "--n", 24).code == 0
    return Path("study")


def imported(study: Path, tasks: object) -> Ratings:
    (study / "export.json").write_text(json.dumps(tasks))
    return read_ratings(Key.read(study), [study / "export.json"])


def refusal(study: Path, tasks: object) -> str:
    with pytest.raises(InputError) as error:
        imported(study, tasks)
    return str(error.value)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_names_are_unique_and_controls_point_at_objects(form: Form) -> None:
    view = ElementTree.fromstring(config(form))
    assert view.tag == "View"
    objects = {one.get("name") for one in view.iter() if one.tag in ("Text", "Paragraphs")}
    controls = list(view.iter("Choices"))
    names = [one.get("name") for one in view.iter() if one.get("name")]
    assert len(names) == len(set(names))
    assert [one.get("name") for one in controls] == [criterion.name for criterion in form.criteria]
    assert {one.get("toName") for one in controls} <= objects
    assert all(one.get("required") == "true" for one in controls)
    assert [choice.get("value") for choice in controls[0]] == list(form.choices)


def test_tasks_have_what_the_interface_shows(study: Path) -> None:
    view = ElementTree.parse(study / "label_studio" / "config.xml").getroot()
    wanted = {str(one.get("value"))[1:] for one in view.iter() if str(one.get("value")).startswith("$")}
    tasks = json.loads((study / "label_studio" / "tasks.json").read_text())
    assert len(tasks) == 24
    assert wanted == {"conversation", "left_response", "right_response"}
    for task in tasks:
        assert wanted <= set(task["data"])
        assert all(set(said) == {"author", "text"} for said in task["data"]["conversation"])
    paragraphs = next(view.iter("Paragraphs"))
    assert (paragraphs.get("nameKey"), paragraphs.get("textKey")) == ("author", "text")


def test_export_and_sheets_give_the_same_ratings(study: Path) -> None:
    labels = ("win", "tie", "lose")

    def opinion(place: int, criterion: str, rater: str) -> str:
        return labels[(place + len(criterion) + int(rater[-1])) % 3 if rater != "rater_1" else place % 3]

    from_export = imported(study, annotate(study, 3, opinion))
    fill(study, opinion)
    from_sheets = read_ratings(Key.read(study), sorted((study / "sheets").glob("*.csv")))
    assert from_export.raters == ("label_studio:1", "label_studio:2", "label_studio:3")
    for name in from_sheets.chosen:
        assert (from_export.chosen[name] == from_sheets.chosen[name]).all()


def test_skipped_annotations_and_users_as_objects(study: Path) -> None:
    tasks = annotate(study, 2, lambda *_: "win")
    for task in tasks:
        task["annotations"].append({"completed_by": 9, "was_cancelled": True, "result": []})
        task["annotations"][0]["completed_by"] = {"id": 7, "email": "a@b.org"}
    assert imported(study, tasks).raters == ("label_studio:2", "label_studio:7")


def test_all_faults_of_an_export_at_once(study: Path) -> None:
    tasks = annotate(study, 2, lambda *_: "win")
    tasks[0]["annotations"][0]["result"].pop()
    tasks[1]["annotations"][1]["completed_by"] = 1
    tasks[2]["data"]["item"] = "item_99"
    tasks[3]["annotations"][0]["result"][0]["value"] = {"choices": ["left", "right"]}
    tasks[4]["data"]["left_response"] = "another text"
    message = refusal(study, tasks)
    assert message.startswith("ratings: 7 problems")
    assert "export.json task 1 annotation 1: no rating for fluency" in message
    name = tasks[1]["data"]["item"]
    assert (
        f"task 2 annotation 2: label_studio:1 already rated {name} in export.json task 2 annotation 1"
        in message
    )
    assert message.count("item 'item_99' is not in the key") == 2
    assert "comfortness is 'left and right', expected one of left, tie, right" in message
    assert message.count(f"not those of {tasks[4]['data']['item']}") == 2


def test_unequal_numbers_of_ratings(study: Path) -> None:
    tasks = annotate(study, 2, lambda *_: "win")
    del tasks[5]["annotations"][0]
    (study / "export.json").write_text(json.dumps(tasks))
    ratings = read_ratings(Key.read(study), [study / "export.json"])
    place = ratings.key.index[tasks[5]["data"]["item"]]
    assert ratings.per_item[place] == 1
    assert ratings.ratings_per_item == "1 to 2"
    assert ratings.gaps == ()  # a project gives nobody a share


@pytest.mark.parametrize(
    "export", [{"a": 1}, [{"item": "item_01", "comfortness": "left"}], [{"data": {}, "annotations": [1]}]]
)
def test_another_type_of_export(study: Path, export: object) -> None:
    assert "export the project with type `JSON`" in refusal(study, export)


def test_an_export_without_annotations(study: Path) -> None:
    assert "holds no ratings" in refusal(study, annotate(study, 0, lambda *_: "win"))
