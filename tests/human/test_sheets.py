"""Sheets that a spreadsheet opens without harm and gives back without loss."""

from pathlib import Path

import pytest
from tests.cli.conftest import Eva
from tests.human.conftest import fill, read_table, rows_of, write_lines, write_table

from eva.human.forms import COMFORT, PAIRWISE
from eva.human.key import Key
from eva.human.ratings import read_ratings
from eva.human.sheets import Shown, neutralise, read_sheet, restore, write_sheet

NASTY = [
    "=1+1", "+1", "-1", "@SUM(A1)", "'quoted", "''", "'", "\t=1", "\r=1", "\n=1", "  =cmd|' /C calc'!A0",
    "＝1+1", "＠x", "plain", "", "a=b", "- a list",
    'say "no",\nthen; go\r\non', "\ufeffx", "naïve 🙂 你好",
]  # fmt: skip


@pytest.mark.parametrize("text", NASTY)
def test_neutralised_text_is_no_formula_and_comes_back(text: str) -> None:
    cell = neutralise(text)
    assert not cell.lstrip().startswith(tuple("=+-@＝＋－＠"))
    assert not cell.startswith(("\t", "\r", "\n", "\0"))
    assert restore(cell) == text


def test_no_two_texts_share_a_cell() -> None:
    assert len({neutralise(text) for text in NASTY}) == len(NASTY)


def test_sheet_round_trip(tmp_path: Path) -> None:
    items = [Shown(f"item_{i}", (("Help-seeker", text),), (text, text[::-1])) for i, text in enumerate(NASTY)]
    write_sheet(tmp_path / "s.csv", PAIRWISE, "rater_1", items)
    records, problems = read_sheet(tmp_path / "s.csv", PAIRWISE)
    assert not problems
    assert [(record.item, record.responses) for record in records] == [(s.item, s.responses) for s in items]
    assert records[3].place == "s.csv row 5"


def test_bytes_are_what_excel_reads(tmp_path: Path) -> None:
    write_sheet(tmp_path / "s.csv", COMFORT, "rater_1", [Shown("item_1", (("S", "ä"),), ("a\nb",))])
    assert (tmp_path / "s.csv").read_bytes() == (
        b'\xef\xbb\xbfitem,rater,conversation,response,comfortness\r\nitem_1,rater_1,S: \xc3\xa4,"a\nb",\r\n'
    )


def test_no_cell_of_a_study_is_a_formula(eva: Eva, systems: tuple[Path, Path]) -> None:
    assert eva("human", "export", *systems, "--out", "study").code == 0
    for path in Path("study/sheets").glob("*.csv"):
        _, rows = read_table(path)
        assert any(cell.startswith("'=") for row in rows for cell in row.values())
        assert not [cell for row in rows for cell in row.values() if cell[:1] in set("=+-@\t\r\n")]


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_sheets_saved_in_other_countries(eva: Eva, systems: tuple[Path, Path], delimiter: str) -> None:
    eva("human", "export", *systems, "--out", "study", "--raters", 2, "--n", 10)
    key = fill(Path("study"), lambda *_: "win")
    files = sorted(Path("study/sheets").glob("*.csv"))
    for path in files:
        names, rows = read_table(path)
        tidied = [{k: v.replace("\n", "\r\n") for k, v in row.items()} for row in rows]
        write_table(path, names, tidied, delimiter)
    assert (read_ratings(key, files).labels("fluency") == [2, 0, 0]).all()


def test_a_spreadsheet_that_takes_the_mark_away(eva: Eva, systems: tuple[Path, Path]) -> None:
    eva("human", "export", *systems, "--out", "study", "--raters", 1, "--n", 10)
    fill(Path("study"), lambda *_: "tie")
    path = Path("study/sheets/rater_1.csv")
    names, rows = read_table(path)
    write_table(path, names, [{k: v.removeprefix("'") for k, v in row.items()} for row in rows])
    assert read_ratings(Key.read(Path("study")), [path]).ratings_per_item == "1"


def test_an_empty_response_is_shown_as_one(eva: Eva, tmp_path: Path) -> None:
    rows = rows_of("alone", 3, 2)
    rows[0]["response"] = " "
    file = write_lines(tmp_path / "alone.jsonl", rows)
    assert "`response` is empty" in eva("human", "export", file, "--out", "study").err
    assert eva("human", "export", file, "--out", "study", "--allow-empty").code == 0
    _, table = read_table(Path("study/sheets/rater_1.csv"))
    assert sum(row["response"] == "[no response]" for row in table) == 1
