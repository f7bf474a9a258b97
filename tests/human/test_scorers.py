"""Correlations with the labels of trained scorers, through the command."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr
from tests.cli.conftest import (
    Eva,
    trained,  # noqa: F401
)
from tests.human.conftest import fill, responses, rows_of, write_lines

from eva.scorers.trained import Scorers

pytestmark = pytest.mark.slow


def test_labels_of_the_scorers_are_correlated_with_the_raters(
    eva: Eva,
    tmp_path: Path,
    trained: Path,  # noqa: F811
) -> None:
    rows = [{**row, "n_turns": int(row["dialogue_id"][-1]) + 1} for row in rows_of("kind", 8, 8)]
    path = write_lines(tmp_path / "a.jsonl", [row for row in rows if row["turn"] <= row["n_turns"]])
    eva("human", "export", path, "--ask", "validation", "--out", "study", "--dialogues", 8)
    key = fill(Path("study"), lambda i, *_: ("yes", "no", "no")[i % 3])
    done = eva("human", "import", "study", "--responses", path, "--scorers", trained, "--json", "out.json")
    assert done.code == 0, done.err
    found = json.loads(Path("out.json").read_text())["correlations"]
    by_response = {row["metric"]: row["rho"] for row in found if row["unit"] == "response"}
    by_dialogue = {row["metric"]: row["rho"] for row in found if row["unit"] == "dialogue"}

    said = {(row.dialogue_id, row.turn): row for row in responses(path)}
    rated = [said[item.dialogue_id, item.turn] for item in key.items]
    human = [float(i % 3 == 0) for i in range(len(rated))]
    for mechanism in ("ip", "ex", "er"):
        degrees = Scorers.below(trained).labels(f"epitome/{mechanism}", rated)
        assert np.ptp(degrees) > 0, "the fixture's scorer gives one label to all: nothing is tested"
        assert by_response[f"epitome/{mechanism}"] == pytest.approx(spearmanr(degrees, human).statistic)
    assert {"evaeval/avg", "evaeval_joint"} <= by_dialogue.keys()
    assert not {name for name in by_response if name.startswith("evaeval")}
    assert "no scorer" not in done.err
