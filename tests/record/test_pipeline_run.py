"""A pipeline run is found by its stages, and MLflow shows it as their parent."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from eva.compat.parent_death import CALLER
from eva.record import mlflow_store as stores
from eva.record import stage_run
from eva.record.changes import read_changes
from eva.record.comparison import compare
from eva.record.known_runs import all_records, find_run
from eva.record.pipeline_run import pipeline_run
from eva.settings.profiles import profile_names, profile_text


def stage(
    root: Path, name: str, reads: str | None, *, beta: float, score: float, announce: bool = False
) -> None:
    out = root / name / "out"
    out.parent.mkdir(exist_ok=True)
    inputs = {"start": root / reads / "out"} if reads else {"raw": root / "corpus.jsonl"}
    with stage_run(name, {"variant": "eva"}, {name: {"beta": beta}}, inputs, root=root) as run:
        if announce:
            run.announce()
        out.write_text(f"{name} {beta}")
        run.log_headline({"eva/score": score})
        run.log_outputs({"out": out})


def parents(root: Path) -> dict[str, Any]:
    opened = stores.connect(root)
    found = opened.client.search_runs([opened.experiment])
    return {run.info.run_name: run for run in found if "eva.parent" in run.data.tags}


def point(patch: pytest.MonkeyPatch, **of_flow: str) -> None:
    patch.setenv("EVA_PIPELINE_RUN", json.dumps(of_flow))


def test_a_flow_run_is_the_parent_with_its_name_its_link_and_the_headline(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (checkout / "profiles").mkdir()
    (checkout / "profiles" / "laptop.yaml").write_text("sft: {lr: 1.0e-5}\ndpo: {beta: 0.1}\n")
    (checkout / "params.yaml").write_text("sft: {lr: 1.0e-5}\ndpo: {beta: 0.3}\n")
    point(monkeypatch, key="f1", name="brave-otter", url="http://127.0.0.1:4200/runs/f1")
    stage(checkout, "sft", None, beta=1, score=0.1)
    stage(checkout, "dpo", "sft", beta=0.3, score=0.2)
    stage(checkout, "evaluate", "dpo", beta=7, score=0.5, announce=True)
    parent = parents(checkout)["brave-otter"]
    assert parent.data.params == {"sft.lr": "1e-05", "dpo.beta": "0.3"}
    assert parent.data.tags["eva.changed"] == "dpo.beta=0.3"
    assert parent.data.tags["eva.prefect"].endswith("/runs/f1")
    assert "http://127.0.0.1:4200/runs/f1" in parent.data.tags["mlflow.note.content"]
    assert parent.data.metrics["eva/score"] == 0.5 and parent.data.metrics["stages"] == 3
    assert parent.data.metrics["usage/device_hours"] > 0
    children = stores.connect(checkout).children(parent.info.run_id)
    assert [child.info.run_name for child in children] == ["sft@eva", "dpo@eva", "evaluate@eva"]
    assert children[2].data.params == {
        "evaluate.beta": "7", "dpo.beta": "0.3", "sft.beta": "1", "variant": "eva",
    }  # fmt: skip


def test_the_worst_of_the_latest_runs_is_the_status_of_the_parent(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    point(monkeypatch, key="f2", name="sad-heron")
    with (
        pytest.raises(RuntimeError),
        stage_run("sft", {"variant": "eva"}, {}, {"raw": checkout / "corpus.jsonl"}, root=checkout),
    ):
        raise RuntimeError("out of memory")
    stage(checkout, "prepare", None, beta=0, score=0, announce=True)
    assert parents(checkout)["sad-heron"].info.status == "FAILED", "although prepare came later"
    stage(checkout, "sft", None, beta=0, score=0, announce=True)
    assert parents(checkout)["sad-heron"].info.status == "FINISHED", "the retry is what counts"


def test_what_a_stage_reads_but_nobody_made_adds_no_params(checkout: Path) -> None:
    stage(checkout, "sft", None, beta=1, score=0)
    (checkout / "sft" / "out").write_text("by hand")
    stage(checkout, "dpo", "sft", beta=2, score=0)
    (latest,) = [record for record in all_records(checkout) if record.stage == "dpo"]
    assert (latest.upstream, latest.upstream_settings) == ({}, {})


def test_compare_names_what_differs_between_two_pipeline_runs(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    point(monkeypatch, key="a", name="first")
    stage(checkout, "sft", None, beta=1, score=0.5)
    stage(checkout, "dpo", "sft", beta=0.1, score=0.5)
    point(monkeypatch, key="b", name="second")  # where sft was cached
    stage(checkout, "dpo", "sft", beta=0.3, score=0.7)
    every = all_records(checkout)
    first, second = (find_run(name, every, checkout) for name in ("first", "second"))
    found = {
        section: [(one.name, one.left, one.right) for one in differences]
        for section, differences in compare(first, second).items()
    }
    assert found == {
        "data": [],
        "params": [("dpo.beta", "0.1", "0.3")],
        "code": [],
        "metrics": [("dpo@eva eva/score", "0.5", "0.7")],
    }
    (checkout / "corpus.jsonl").write_text("{}\n{}\n")
    point(monkeypatch, key="c", name="third")
    stage(checkout, "sft", None, beta=1, score=0.5)
    third = find_run("third", all_records(checkout), checkout)
    assert [one.name for one in compare(first, third)["data"]] == ["corpus.jsonl"]


def test_a_forked_stage_belongs_to_the_dvc_of_the_process_that_asked_for_it(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(input())'])"
    words = [sys.executable, "-c", program, "dvc"]  # `dvc` among its first words
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as dvc:
        while not (asked := psutil.Process(dvc.pid).children()):
            time.sleep(0.05)
        monkeypatch.setenv(CALLER, str(asked[0].pid))
        found = pipeline_run(bare, "code")
        dvc.communicate(b"end\n")
    assert found.kind == "repro"
    assert pipeline_run(bare, "code").kind == "stage"


@pytest.mark.slow
def test_the_profile_is_the_one_that_the_settings_read(root: Path, tmp_path: Path) -> None:
    (tmp_path / "profiles").symlink_to(root / "profiles")
    for name in profile_names(root / "profiles"):
        (tmp_path / "params.yaml").write_text(profile_text(root / "profiles", name))
        found = read_changes(tmp_path)
        assert (found.profile, found.changed) == (name, {})


STAGE = """
import sys
from pathlib import Path
import yaml
from eva.record import stage_run
name, reads = sys.argv[1:]
settings = yaml.safe_load(Path("params.yaml").read_text())
with stage_run(name, {}, {name: settings.get(name)}, {"start": Path(reads)}, root=Path.cwd()) as run:
    run.announce()
    Path(f"{name}.out").write_text(str(settings))
    run.log_headline({f"{name}/score": settings["dpo"]["beta"]})
    run.log_outputs({"out": Path(f"{name}.out")})
"""
DAG = """
stages:
  dpo:
    cmd: python stage.py dpo corpus.jsonl
    deps: [corpus.jsonl]
    params: [dpo]
    outs: [dpo.out, runs/dpo.json]
  evaluate:
    cmd: python stage.py evaluate dpo.out
    deps: [dpo.out]
    outs: [evaluate.out, runs/evaluate.json]
"""


@pytest.fixture
def dvc(checkout: Path) -> Callable[..., None]:
    """A DVC repository of two stages that are recorded."""
    tools = Path(sys.executable).parent
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(tools), os.environ["PATH"]]),
        "PYTHONPATH": os.pathsep.join(sys.path),
        **{f"GIT_{who}_NAME": "t" for who in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{who}_EMAIL": "t@example.org" for who in ("AUTHOR", "COMMITTER")},
    }

    def run(*words: str) -> None:
        subprocess.run(words, cwd=checkout, env=environment, check=True, capture_output=True)

    (checkout / "params.yaml").write_text("dpo:\n  beta: 0.1\n")
    (checkout / "stage.py").write_text(STAGE)
    (checkout / "dvc.yaml").write_text(DAG)
    (checkout / ".gitignore").write_text("/mlflow.db\n/mlruns\n/.eva\n/runs\n/*.out\n")
    run("dvc", "init", "-q")
    run("git", "add", ".")
    run("git", "commit", "-qm", "dag")
    return run


@pytest.mark.slow
def test_repro_and_experiments_of_dvc_are_parents_with_their_knobs(
    checkout: Path, dvc: Callable[..., None]
) -> None:
    dvc("dvc", "repro", "-q")
    dvc("git", "add", ".")
    dvc("git", "commit", "-qm", "results")
    dvc("dvc", "exp", "run", "-q", "-n", "grid-3", "-S", "dpo.beta=0.3")
    found = parents(checkout)
    (repro,) = [name for name in found if name.startswith("dvc repro 20")]
    assert len(found) == 2
    for name, beta in ((repro, "0.1"), ("grid-3", "0.3")):
        parent = found[name]
        assert parent.data.params["dpo.beta"] == beta
        assert parent.data.metrics["evaluate/score"] == float(beta)
        children = stores.connect(checkout).children(parent.info.run_id)
        assert [child.info.run_name for child in children] == ["dpo", "evaluate"]
        assert children[1].data.params["dpo.beta"] == beta
