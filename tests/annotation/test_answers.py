"""Files of answers: what is read, and one message for each thing that is wrong, all at once."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from docs.studies.simulated_annotators import answer, page_export
from tests.annotation.conftest import NewRound

from eva.annotation.gathering import Answers, read_answers
from eva.annotation.round_key import Kind, Round
from eva.errors import InputError

Change = Callable[[list[dict[str, Any]]], None]


@pytest.fixture
def made(new_round: NewRound, folder: Path) -> Round:
    """A round of three that everybody has answered without an error."""
    made = new_round()
    answer(folder, [0.0])
    return made


def files(folder: Path) -> list[Path]:
    return sorted((folder / "answers").glob("*.json"))


def read(made: Round, folder: Path, *, partial: bool = False) -> Answers:
    return read_answers(made.key, files(folder), partial=partial)


def problems(made: Round, folder: Path) -> list[str]:
    with pytest.raises(InputError) as error:
        read(made, folder)
    return list(error.value.problems)


def change(made: Round, path: Path, edit: Change, **header: str) -> None:
    """Change the answers of a file as if its page had exported them so."""
    raw = json.loads(path.read_text())
    edit(raw["answers"])
    path.write_text(page_export(made, raw["annotator"], raw["answers"], **header))


def test_answers_name_candidates_in_the_order_of_the_annotator(made: Round, folder: Path) -> None:
    found = read(made, folder)
    assert len(found.given) == 3 * 24
    assert not found.open
    assert {len(one.order) for one in found.given} == {4}
    per_item = {(one.task.item, one.order) for one in found.given}
    assert len(per_item) == 24, "without errors all agree, though each saw another order"


def test_a_half_written_export(made: Round, folder: Path) -> None:
    path = files(folder)[0]
    path.write_text(path.read_text()[:500])
    (only,) = problems(made, folder)
    assert "annotator_1.json: not JSON" in only
    assert "it ends too early: copy or fetch it again" in only


def test_an_empty_export(made: Round, folder: Path) -> None:
    files(folder)[0].write_text("")
    assert problems(made, folder) == ["annotator_1.json: is empty; ask the annotator to export again"]


def test_a_changed_export(made: Round, folder: Path) -> None:
    path = files(folder)[1]
    path.write_text(path.read_text().replace('"order":[', '"order":[3,', 1))
    files(folder)[2].unlink()  # one more annotator is absent than files are unusable
    changed, *absent = problems(made, folder)
    assert "does not match its digest" in changed
    assert [line.partition(":")[0] for line in absent] == ["annotator_2", "annotator_3"]


def test_a_reformatted_export_is_read(made: Round, folder: Path) -> None:
    path = files(folder)[1]
    path.write_text(json.dumps(json.loads(path.read_text()), indent=1))
    assert len(read(made, folder).given) == 72


def test_a_file_of_another_project(made: Round, folder: Path) -> None:
    change(made, files(folder)[0], lambda rows: None, project="0123456789abcdef")
    (line,) = problems(made, folder)
    assert "holds answers to the project 0123456789abcdef (ranking), and this is" in line


def test_an_item_ranked_twice_one_skipped_and_one_half_ranked(made: Round, folder: Path) -> None:
    """All problems of all files in one message."""

    def edit(rows: list[dict[str, Any]]) -> None:
        rows[3] = dict(rows[2])
        rows[5] = {**rows[5], "order": rows[5]["order"][:2]}
        rows[7] = {**rows[7], "unusable": rows[7]["order"][:1]}
        rows[8] = {**rows[8], "order": [0, 1, 2, 4]}

    change(made, files(folder)[0], edit)
    change(made, files(folder)[1], lambda rows: rows.pop())
    found = problems(made, folder)
    assert found[0] == (
        "annotator_1.json answer 4: task t03 was answered already, in annotator_1.json answer 3: nobody can "
        "rank one item twice"
    )
    assert "annotator_1.json answer 6: task t06: response" in found[1]
    assert "neither ranked nor flagged" in found[1]
    assert "has two places, or a place and a flag" in found[2]
    assert "`order` is [0, 1, 2, 4], expected places from 0 to 3" in found[3]
    skipped = [line for line in found if "skipped" in line]
    assert len(skipped) == 2
    assert "annotator_1.json: annotator_1 skipped 1 of 24 tasks (t04)" in skipped[0]
    assert "annotator_2.json: annotator_2 skipped 1 of 24 tasks (t24)" in skipped[1]


def test_skipped_tasks_count_as_open_with_partial(made: Round, folder: Path) -> None:
    change(made, files(folder)[1], lambda rows: rows.pop())
    files(folder)[2].unlink()
    found = read(made, folder, partial=True)
    assert len(found.given) == 24 + 23
    assert found.open == (
        "annotator_2.json: annotator_2 skipped 1 of 24 tasks (t24)",
        "annotator_3: there is no file with answers to the 24 tasks",
    )


def test_two_people_on_one_assignment(made: Round, folder: Path) -> None:
    raw = json.loads(files(folder)[0].read_text())
    text = page_export(made, "annotator_1", raw["answers"], session="another", person="Kim")
    (folder / "answers" / "more.json").write_text(text)
    (line,) = problems(made, folder)
    assert "annotator_1 was also answered in" in line
    assert "two people on one assignment" in line


def test_an_earlier_export_of_the_same_person_is_left_aside(made: Round, folder: Path) -> None:
    raw = json.loads(files(folder)[0].read_text())
    early = page_export(made, "annotator_1", raw["answers"][:9], exported="2025-12-31T00:00:00.000Z")
    (folder / "answers" / "early.json").write_text(early)
    found = read(made, folder)
    assert len(found.given) == 72
    assert found.notes == ("early.json is older than annotator_1.json of annotator_1: left aside",)


def test_nothing_that_only_an_older_file_answers_is_lost(made: Round, folder: Path) -> None:
    raw = json.loads(files(folder)[0].read_text())
    late = page_export(made, "annotator_1", raw["answers"][:9], exported="2026-02-01T00:00:00.000Z")
    (folder / "answers" / "late.json").write_text(late)
    (line, *_) = problems(made, folder)
    assert "annotator_1.json: is older than late.json" in line
    assert "only it answers t10, t11, t12, t13, t14 and 10 more" in line


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('"text"', "holds neither the answers of a page nor a Label Studio export"),
        ("{}", "is no export of an annotation page"),
        ('[{"task": 1}]', "is no Label Studio export; export the project with type `JSON`"),
    ],
)
def test_other_files(made: Round, folder: Path, content: str, message: str) -> None:
    (folder / "answers" / "other.json").write_text(content)
    (line,) = problems(made, folder)
    assert f"other.json: {message}" in line


def test_no_file_and_no_answer(made: Round, folder: Path) -> None:
    with pytest.raises(InputError, match="put the exported files into the folder"):
        read_answers(made.key, [], partial=True)
    for path in files(folder):
        change(made, path, lambda rows: rows.clear())
    with pytest.raises(InputError, match="nothing is answered"):
        read(made, folder, partial=True)


def test_levels_that_are_no_levels(new_round: NewRound, folder: Path) -> None:
    made = new_round(Kind.LEVELS)
    answer(folder, [0.0])
    change(made, files(folder)[0], lambda rows: rows[0].update(levels=[1, 2, 3, 7]))
    change(made, files(folder)[1], lambda rows: rows[0].update(levels=[1, 2]))
    found = problems(made, folder)
    assert "response d has the level 7, expected 0 to 4" in found[0]
    assert "`levels` is [1, 2], expected 4 levels" in found[1]
