"""The stage `report` as DVC runs it: its files, its plots, and what MLflow gets of them."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tests.report import synthetic


def test_the_report_reaches_no_code_that_scores() -> None:
    """It reads what `evaluate` wrote, so a changed metric runs it again only where its values change."""
    from pipelines.dependencies import linked

    reached = {name for name in linked("report") if name.startswith(("eva.metrics.", "eva.scorers."))}
    assert not {name for name in reached if name.startswith("eva.metrics.families")}
    scoring = ("catalogue", "sample", "score", "score_writer", "labelling", "slices")
    assert not reached & {f"eva.metrics.{name}.py" for name in scoring}


@pytest.mark.slow
def test_stage_writes_plots_and_logs_every_figure(root: Path, tmp_path: Path) -> None:
    synthetic.write_study(tmp_path)
    laptop = (root / "profiles" / "laptop.yaml").read_text()
    (tmp_path / "params.yaml").write_text(re.sub(r"(?<!-)\bsmollm2\b", "tiny", laptop))
    folders = {"scores": "scores", "training": "metrics", "curves": "plots", "responses": "responses"}
    for name in ("capability", "estimators", "people", "safety"):
        (tmp_path / name).mkdir()
    folders |= {
        "capability": "capability",
        "estimators": "estimators",
        "people": "people",
        "safety": "safety",
        "detector": "safety",
        "levels": "levels",
        "epitome": "epitome",
        "out": "report",
        "plots": "plots/report",
    }
    words = [word for name, folder in folders.items() for word in (f"--{name}", folder)]
    done = subprocess.run(
        [sys.executable, "-m", "pipelines", "report", *words, "--metrics", "metrics/report.json"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{root / 'src'}:{root}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    declared = yaml.safe_load((root / "dvc.yaml").read_text())["stages"]["report"]["plots"]
    for one in declared:
        for path in one:
            assert len((tmp_path / path).read_text().splitlines()) > 5, path
    record = json.loads((tmp_path / "runs" / "report.json").read_text())
    kept = {entry["path"] for entry in record["artifacts"]}
    figures = {f"report/figures/{path.name}" for path in (tmp_path / "report" / "figures").iterdir()}
    assert len(figures) == 19 and figures < kept
    assert {"report/index.html", "plots/report/levels.csv"} < kept
    subprocess.run(  # a short stage leaves telling MLflow to whoever comes next
        [sys.executable, "-m", "eva", "runs", "replay"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root / "src")},
        check=True,
    )
    copied = {path.name for path in (tmp_path / "mlruns").rglob("*.svg")}
    assert copied == {Path(path).name for path in figures}
