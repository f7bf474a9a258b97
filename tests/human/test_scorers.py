"""Correlations with the labels of trained scorers, through the command."""

import json
from pathlib import Path

import pytest
from tests.cli.conftest import Eva
from tests.cli.test_score_scorers import trained  # noqa: F401
from tests.human.conftest import fill, rows_of, write_lines

pytestmark = pytest.mark.slow


def test_evaeval_and_epitome_of_whole_dialogues(
    eva: Eva,
    tmp_path: Path,
    trained: Path,  # noqa: F811
) -> None:
    # Random weights may give one label to all; dialogues of 1 to 8 turns then still differ in EVAEval.
    rows = [{**row, "n_turns": int(row["dialogue_id"][-1]) + 1} for row in rows_of("kind", 8, 8)]
    path = write_lines(tmp_path / "a.jsonl", [row for row in rows if row["turn"] <= row["n_turns"]])
    eva("human", "export", path, "--ask", "validation", "--out", "study", "--dialogues", 8)
    fill(Path("study"), lambda i, *_: ("yes", "no", "no")[i % 3])
    done = eva("human", "import", "study", "--responses", path, "--scorers", trained, "--json", "out.json")
    assert done.code == 0, done.err
    found = json.loads(Path("out.json").read_text())["correlations"]
    accounted = {row["metric"] for row in found} | set(done.err.replace(",", " ").split())
    assert {"epitome/ip", "epitome/ex", "epitome/er", "evaeval/avg", "evaeval_joint"} <= accounted
    evaeval = [row for row in found if row["metric"].startswith("evaeval")]
    assert {row["unit"] for row in evaeval} <= {"dialogue"}
    assert "no scorer" not in done.err
