"""The report as Markdown: the page's figures, and nobody's words."""

import json
from pathlib import Path
from typing import Any

import pytest

from eva.report.latex import latex
from eva.report.markdown import markdown


def cell(metric: str, value: float, **changes: Any) -> dict[str, Any]:
    empty = ("ci", "difference", "difference_ci", "p_value", "p_adjusted")
    empty += ("effect_size", "versus", "paper", "agrees", "plug_in")
    return {**dict.fromkeys(empty), "metric": metric, "value": value, "measured": True, **changes}


@pytest.fixture
def data() -> dict[str, Any]:
    changed = {
        "difference": 6.0, "difference_ci": [4.0, 8.5], "p_value": 0.002, "p_adjusted": 0.004,
        "effect_size": 1.5, "versus": "better", "paper": 14.0, "agrees": True,
    }  # fmt: skip
    name = "overlap/rouge_l"
    sizes = {"seeds": [1], "n_dialogues": 8, "n_responses": 57, "cautions": []}
    rows = [
        {"variant": "base", **sizes, "cells": {name: cell(name, 9.0, ci=[8.0, 10.0], paper=8.4)}},
        {"variant": "eva", **sizes, "cells": {name: cell(name, 15.0, ci=[13.0, 17.0], **changed)}},
        {"variant": "wo_ali", "seeds": [1], "n_dialogues": 0, "n_responses": 0, "cells": {}, "cautions": []},
    ]
    place = {"corpus": "esconv", "backbone": "tiny", "baseline": "base", "paper": "mistral"}
    group = {**place, "columns": [name], "wording": [], "rows": rows, "floor": {}, "same_size": {}}
    group |= {"notes": [], "people": None}
    group["about"] = {name: {"heading": "R-L", "decimals": 2}}
    card = {"name": "EPITOME IP", "n": 90, "accuracy": 0.8, "majority_accuracy": 0.5}
    return {
        "title": "A study", "invented": ["esconv"], "groups": [group],
        "preferences": [],
        "scorecards": [{**card, "macro_f1": 0.6, "ece": 0.1, "evidence": "5 folds"}],
        "provenance": {"shared": {"prompt": "abc"}},
    }  # fmt: skip


def test_values_intervals_signs_and_differences(data: dict[str, Any]) -> None:
    lines = markdown(data).splitlines()
    assert "| **base** | 9.00<br>[8.00–10.00] |" in lines
    assert "| **eva** | 15.00 ▲<br>[13.00–17.00] |" in lines
    assert "| *paper, Mistral* | *14.00* = |" in lines
    assert "| R-L | +6.00 | +4.00 to +8.50 | .002 | .004 | +1.50 | ▲ |" in lines
    assert "| EPITOME IP | 90 | 0.800 | 0.500 | 0.600 | 0.100 | 5 folds |" in lines
    assert "| prompt | `abc` |" in lines
    assert "Demonstration only" in lines[2]
    assert not any("wo_ali" in line for line in lines)


def test_defects_and_notes_stand_beneath_the_table(data: dict[str, Any]) -> None:
    (group,) = data["groups"]
    group["rows"][0]["cautions"] = [{"text": "75 % of the responses were cut off", "is_invalid": False}]
    group["rows"][1]["cautions"] = [{"text": "60 % of the responses hold no thought", "is_invalid": True}]
    group["notes"] = ["Lengths differ."]
    lines = markdown(data).splitlines()
    assert "| **base** ⚠ | 9.00<br>[8.00–10.00] |" in lines
    assert any(line.startswith("| **eva** (invalid) |") for line in lines)
    below = lines[lines.index("- **base** ⚠: 75 % of the responses were cut off.") :]
    assert below[1:3] == ["- **eva** (invalid): 60 % of the responses hold no thought.", "- Lengths differ."]


def test_every_row_of_a_table_has_the_cells_of_its_head(data: dict[str, Any]) -> None:
    blocks = [block.splitlines() for block in markdown(data).split("\n\n") if block.startswith("|")]
    assert len(blocks) == 4
    for block in blocks:
        assert len({line.count(" | ") for line in block}) == 1, block


def test_latex_has_the_same_cells(data: dict[str, Any]) -> None:
    (group,) = data["groups"]
    group["rows"][1]["cautions"] = [{"text": "60 % hold no thought", "is_invalid": True}]
    lines = latex(data).splitlines()
    start = lines.index(r"\begin{tabular}{lr}")
    assert lines[start : start + 7] == [
        r"\begin{tabular}{lr}",
        r"\toprule",
        r" & R-L \\",
        r"\midrule",
        r"base & 9.00 \\",
        r"paper, Mistral & 8.40 \\",
        r"eva (invalid) & 15.00 $\blacktriangle$ \\",
    ]
    assert lines[-1] == r"\end{tabular}"


def test_command_writes_it_from_the_report_s_own_file(
    data: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from eva.cli.results_commands import report

    (tmp_path / "report.json").write_text(json.dumps(data))
    (tmp_path / "comparison.txt").write_text("the table")
    report(tmp_path, markdown=tmp_path / "docs" / "laptop.md", latex=tmp_path / "docs" / "laptop.tex")
    assert (tmp_path / "docs" / "laptop.tex").read_text(encoding="utf-8") == latex(data)
    assert (tmp_path / "docs" / "laptop.md").read_text(encoding="utf-8") == markdown(data)
    assert "the table" in capsys.readouterr().out
