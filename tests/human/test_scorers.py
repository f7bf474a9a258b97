"""Correlations with the labels of trained scorers, through the command."""

import json
from pathlib import Path

import pytest
from tests.cli.conftest import Eva
from tests.cli.test_score_scorers import trained  # noqa: F401
from tests.human.conftest import fill

pytestmark = pytest.mark.slow


def test_evaeval_and_epitome_of_whole_dialogues(
    eva: Eva,
    systems: tuple[Path, Path],
    trained: Path,  # noqa: F811
) -> None:
    eva("human", "export", *systems, "--out", "study", "--dialogues", 6)
    fill(Path("study"), lambda i, name, rater: ("win", "tie", "lose")[(i + len(name) + int(rater[-1])) % 3])
    files = ["--responses", systems[1], "--responses", systems[0]]
    done = eva("human", "import", "study", *files, "--scorers", trained, "--json", "out.json")
    assert done.code == 0, done.err
    rows = json.loads(Path("out.json").read_text())["correlations"]
    accounted = {row["metric"] for row in rows} | set(done.err.replace(",", " ").split())
    assert {"epitome/ip", "epitome/ex", "epitome/er", "evaeval/avg", "evaeval_joint"} <= accounted
    assert not [row for row in rows if row["metric"].startswith("evaeval") and row["unit"] == "response"]
    assert [row for row in rows if row["metric"].startswith("evaeval") and row["unit"] == "dialogue"]
    assert "no scorer" not in done.err
