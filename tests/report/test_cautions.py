"""A row whose responses have defects is marked; one that is not what it is called is not compared."""

import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from eva.report import Report, build, gather, items
from eva.report.markdown import markdown
from eva.settings.matrix_section import Matrix


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Half of `base` is cut off, three in four of `cot` lack a thought, `eva` is three times as long."""
    spec = importlib.util.spec_from_file_location("cautious_study", Path(__file__).with_name("synthetic.py"))
    assert spec is not None and spec.loader is not None
    synthetic = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(synthetic)
    plain, folder = synthetic.rows, tmp_path_factory.mktemp("study")

    def rows(variant: str, seed: int) -> list[Any]:
        made = [replace(row, finish="stop") for row in plain(variant, seed)]
        if variant == "base":
            return [replace(row, finish="length" if row.turn % 2 else "stop") for row in made]
        if variant == "cot":
            return [replace(row, marked=row.turn % 3 == 0) for row in made]
        return [replace(row, response=f"{row.response} " * 3) for row in made] if variant == "eva" else made

    synthetic.rows = rows
    synthetic.write_study(folder)
    places = {"scores": "scores", "responses": "responses", "training": "metrics", "curves": "plots"}
    matrix = Matrix(corpora=["esconv"], backbones=["tiny"], seeds=[1])
    return build(
        gather(
            title="A study",
            baseline="base",
            samples=1,
            items=items(matrix, synthetic.VARIANTS),
            levels=folder / "levels",
            epitome=folder / "epitome",
            **{name: folder / place for name, place in places.items()},
        )
    )


def rows_of(report: Report) -> dict[str, dict[str, Any]]:
    return {row["variant"]: row for row in report.data["groups"][0]["rows"]}


def test_rows_with_defects_carry_them_and_others_none(report: Report) -> None:
    said = {variant: [one["text"] for one in row["cautions"]] for variant, row in rows_of(report).items()}
    assert said["base"] == ["50 % of the responses were cut off before their end"]
    (unmarked,) = said["cot"]
    assert unmarked.startswith("75 % of the responses hold no thought with `Response:` after it")
    assert said["wo_acq"] == said["eva"] == []


def test_an_invalid_row_has_values_and_no_verdict(report: Report) -> None:
    rows = rows_of(report)
    assert [one["is_invalid"] for one in rows["cot"]["cautions"]] == [True]
    assert [one["is_invalid"] for one in rows["base"]["cautions"]] == [False]
    invalid = rows["cot"]["cells"].values()
    assert all(one["value"] is not None for one in invalid if one["measured"])
    assert {one["versus"] for one in invalid} == {None} and not any(one["best"] for one in invalid)
    assert {one["versus"] for one in rows["wo_acq"]["cells"].values()} != {None}


def test_every_form_of_the_table_says_it(report: Report) -> None:
    lines = report.table.splitlines()
    assert any(line.startswith("cot (invalid) ") for line in lines)
    assert "base !: 50 % of the responses were cut off before their end" in lines
    written = markdown(report.data)
    assert "| **base** ⚠ |" in written and "| **cot** (invalid) |" in written
    assert "- **base** ⚠: 50 % of the responses were cut off before their end." in written
    assert '<tr class="invalid">' in report.page
    assert (
        "<b>cot</b> is <b>invalid</b> and not compared: 75 % of the responses hold no thought" in report.page
    )


def test_unequal_lengths_are_said_beside_dist_2(report: Report) -> None:
    (note,) = report.data["groups"][0]["notes"]
    assert note.startswith("Lengths differ: eva writes 5.3 times as many words as ")
    assert note in " ".join(report.table.split()) and note in markdown(report.data) and note in report.page
    columns = list(report.data["groups"][0]["columns"])
    place = columns.index("diversity/dist_2")
    assert columns[place + 1 : place + 3] == ["diversity/dist_2_500", "length/words"]


def test_equal_lengths_need_no_word() -> None:
    from eva.report.cautions import length_notes
    from eva.report.comparison import Cell, Row

    rows = [
        Row(name, (1,), 9, 9, {"length/words": Cell("length/words", words, None, 9)})
        for name, words in (("a", 20.0), ("b", 24.0))
    ]
    assert list(length_notes(rows)) == []
    assert list(length_notes([])) == []
