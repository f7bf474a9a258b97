"""Sheets that cannot be read as ratings: every problem with its file and row, in one message."""

import json
import shutil
from pathlib import Path

import pytest
from tests.cli.conftest import Eva
from tests.human.conftest import edit, fill, read_table, write_table

from eva.errors import InputError
from eva.human.key import Key
from eva.human.ratings import read_ratings


@pytest.fixture
def study(eva: Eva, systems: tuple[Path, Path]) -> Path:
    """Twelve items, filled by three raters."""
    assert eva("human", "export", *systems, "--out", "study", "--n", 12).code == 0
    fill(Path("study"), lambda *_: "win")
    return Path("study")


def sheet(study: Path, rater: int) -> Path:
    return study / "sheets" / f"rater_{rater}.csv"


def refusal(study: Path, files: list[Path] | None = None) -> str:
    with pytest.raises(InputError) as error:
        read_ratings(Key.read(study), sorted((study / "sheets").glob("*.csv")) if files is None else files)
    return str(error.value)


def test_everything_at_once(study: Path) -> None:
    def spoil(rows: list[dict[str, str]]) -> None:
        rows[0]["comfortness"] = ""
        rows[0]["fluency"] = " "
        rows[1]["comprehensibility"] = "win"
        rows[2]["item"] = "item_77"
        rows[3]["rater"] = "rater_9"

    edit(sheet(study, 1), spoil)
    edit(sheet(study, 2), lambda rows: rows.append(dict(rows[0])))
    _, rows = read_table(sheet(study, 2))
    message = refusal(study)
    for part in (
        "rater_1.csv row 2: no rating for comfortness, fluency",
        "rater_1.csv row 3: comprehensibility is 'win', expected one of left, tie, right",
        "rater_1.csv row 4: item 'item_77' is not in the key",
        "rater_1.csv row 5: rater 'rater_9' is not in the key",
        f"rater_2.csv row 14: rater_2 already rated {rows[0]['item']} in rater_2.csv row 2",
    ):
        assert f"  - {part}" in message
    assert message.startswith("ratings: 5 problems\n")


def test_a_sheet_that_came_twice(study: Path) -> None:
    shutil.copy(sheet(study, 3), study / "sheets" / "rater_3 (1).csv")
    message = refusal(study)
    assert message.startswith("ratings: 12 problems")
    assert "rater_3.csv row 2: rater_3 already rated" in message


def test_columns_sorted_apart_from_their_rows(study: Path) -> None:
    def sort_items(rows: list[dict[str, str]]) -> None:
        for row, name in zip(rows, sorted(row["item"] for row in rows), strict=True):
            row["item"] = name

    edit(sheet(study, 1), sort_items)
    assert "was a column sorted on its own" in refusal(study)


def test_whole_rows_sorted_are_fine(study: Path) -> None:
    edit(sheet(study, 1), lambda rows: rows.sort(key=lambda row: row["item"]))
    assert read_ratings(Key.read(study), [sheet(study, 1), sheet(study, 2)]).ratings_per_item == "2"


def test_answers_in_capitals_and_with_blanks(study: Path) -> None:
    def shout(rows: list[dict[str, str]]) -> None:
        for row in rows:
            row["fluency"] = f" {row['fluency'].title()} "

    edit(sheet(study, 1), shout)
    ratings = read_ratings(Key.read(study), [sheet(study, 1)])
    assert (ratings.labels("fluency") == [1, 0, 0]).all()


def blank(path: Path, keep: int = 0) -> None:
    """Take out all answers of a sheet but those of its first `keep` rows."""

    def empty(rows: list[dict[str, str]]) -> None:
        for row in rows[keep:]:
            row.update(
                dict.fromkeys(("comfortness", "comprehensibility", "emotional_validation", "fluency"), "")
            )

    edit(path, empty)


def test_a_blank_sheet_and_a_lost_one(study: Path) -> None:
    blank(sheet(study, 2))
    sheet(study, 3).unlink()
    ratings = read_ratings(Key.read(study), sorted((study / "sheets").glob("*.csv")))
    assert (ratings.raters, ratings.ratings_per_item) == (("rater_1",), "1")
    assert ratings.gaps == ("rater_2 rated none of 12 items", "rater_3 rated none of 12 items")
    blank(sheet(study, 1))
    assert "nothing is filled in: rater_1.csv, rater_2.csv" in refusal(study)


def test_a_rater_who_gave_up(study: Path) -> None:
    """What was rated counts, by what everybody else said of the same items; the human score is a mean."""
    blank(sheet(study, 2), keep=5)
    edit(sheet(study, 3), lambda rows: rows.pop())
    ratings = read_ratings(Key.read(study), sorted((study / "sheets").glob("*.csv")))
    assert ratings.gaps == ("rater_2 rated 5 of 12 items", "rater_3 rated 11 of 12 items")
    assert ratings.per_item.sum() == 12 + 5 + 11
    assert ratings.ratings_per_item in {"1 to 3", "2 to 3"}
    assert (ratings.scores("fluency") == 1).all()


def test_items_that_nobody_rated_are_left_out(study: Path) -> None:
    _, rows = read_table(sheet(study, 1))
    blank(sheet(study, 1), keep=5)
    key = Key.read(study)
    ratings = read_ratings(key, [sheet(study, 1)])
    assert [item.name for item in ratings.key.items] == sorted(row["item"] for row in rows[:5])
    assert (ratings.labels("fluency") == [1, 0, 0]).all()
    assert len(ratings.dialogue_of()[1]) == 5
    (absent,) = (gap for gap in ratings.gaps if gap.startswith("nobody rated"))
    assert all(row["item"] in absent for row in rows[5:])


def test_a_rater_who_left_a_partial_design(eva: Eva, systems: tuple[Path, Path]) -> None:
    eva("human", "export", *systems, "--out", "parts", "--n", 12, "--raters", 6, "--per-item", 4)
    fill(Path("parts"), lambda *_: "win")
    files = sorted(Path("parts/sheets").glob("*.csv"))
    assert read_ratings(Key.read(Path("parts")), files).ratings_per_item == "4"
    assert read_ratings(Key.read(Path("parts")), files[1:]).ratings_per_item == "3 to 4"
    own = Key.read(Path("parts")).raters["rater_1"]
    foreign = next(row for row in read_table(files[5])[1] if row["item"] not in own)
    edit(files[0], lambda rows: rows.append({**foreign, "rater": "rater_1"}))
    assert f"{foreign['item']} was not given to rater_1" in refusal(Path("parts"), files)


def test_files_that_are_no_sheets(study: Path) -> None:
    names, rows = read_table(sheet(study, 1))
    write_table(
        sheet(study, 1), names[:-1], [{k: v for k, v in row.items() if k != names[-1]} for row in rows]
    )
    sheet(study, 2).write_bytes("item,rater,été\n".encode("latin-1"))
    (study / "cut.json").write_text('[{"data": ')
    (study / "empty.csv").touch()
    files = [sheet(study, 1), sheet(study, 2), study / "cut.json", study / "empty.csv", study / "none.csv"]
    message = refusal(study, files)
    assert message.startswith("ratings: 5 problems")
    assert "rater_1.csv row 1: column fluency is missing" in message
    assert "rater_2.csv: line 1: byte 12 (0xe9) is not UTF-8" in message
    assert "cut.json: not JSON" in message
    assert "empty.csv row 1: column item, rater" in message
    assert "none.csv: no such file" in message


def test_no_sheets(study: Path) -> None:
    assert "no filled sheets" in refusal(study, [])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"form": "essay"}, "`form` is 'essay'. Known: pairwise, comfort, validation."),
        ({"items": [{"name": "item_1"}]}, "was edited"),
    ],
)
def test_a_key_that_is_none(study: Path, change: dict[str, object], said: str) -> None:
    path = study / "key.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(InputError, match=r"key\.json") as error:
        Key.read(study)
    assert said in str(error.value)


def test_a_key_without_fields(study: Path) -> None:
    (study / "key.json").write_text("[]")
    with pytest.raises(InputError, match="`systems` is missing"):
        Key.read(study)
