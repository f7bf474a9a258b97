"""What a pipeline run shows: its name, its progress, the comparison, the rows that a validation refuses."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from flows import comparison, graph, live, names, offending
from prefect.client.schemas.objects import TaskRun
from prefect.states import Completed, Failed, Pending, Running, State


def node(name: str, state: State) -> TaskRun:
    return TaskRun(name=name, task_key="stage", dynamic_key=name, flow_run_id=uuid4(), state=state)


def test_a_name_says_what_is_trained_on_what() -> None:
    params = {
        "matrix": {"backbones": ["smollm2"], "corpora": ["esconv"], "seeds": [1, 2]},
        "variants": {name: {} for name in ("base", "cot", "wo_acq", "wo_ali", "eva", "mine")},
    }

    assert names.describe(params, ["sft"]) == "smollm2 on esconv, seeds 1, 2: sft"
    assert names.describe(params, []) == (
        "smollm2 on esconv, seeds 1, 2: base, cot, wo_acq, wo_ali, eva, and 1 more"
    )
    assert names.describe({}, []) == "pipeline: all stages"


def test_progress_counts_stages_and_says_how_far_the_running_one_is() -> None:
    step = "dpo step 3/8  loss 0.6931  lr 1.00e-04  2.10 s/step  10 s left"
    nodes = [
        node("prepare", Completed(name="Ran")),
        node("sft", Failed()),
        node("dpo", Running(message=step)),
    ]

    percent, text = live.describe([*nodes, node("report", Pending())])

    assert percent == 25
    assert text.splitlines() == ["1 of 4 stages are done.", "- `sft` failed", f"- `dpo` runs: {step}"]


def test_variants_stand_beside_each_other_with_links(tmp_path: Path) -> None:
    (tmp_path / "metrics").mkdir()
    report = {"ed/m/base/overlap/bleu_2": 1.25, "ed/m/eva/overlap/bleu_2": 2.5, "ed/m/eva/length/words": 20.0}
    (tmp_path / comparison.HEADLINE).write_text(json.dumps(report))

    numbers = comparison.read_numbers(tmp_path)

    assert comparison.compare(numbers, {("ed", "m", "eva"): "http://mlflow/run"}) == [
        "|  | overlap/bleu_2 | length/words |",
        "| --- | ---: | ---: |",
        "| ed m base | 1.25 |  |",
        "| [ed m eva](http://mlflow/run) | 2.5 | 20 |",
    ]
    assert comparison.read_numbers(tmp_path / "elsewhere") == {}


def test_refused_rows_are_read_from_the_outputs_that_dvc_yaml_names(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = {"file": "train.jsonl", "dialogue": "7", "turn": 3, "what": "an empty turn"}
    failure = {"expectation": "turns have text", "requirement": "", "split": "train", "count": 2}
    verdict = {"success": False, "failures": [{**failure, "rows_listed": [row]}]}
    (tmp_path / "dvc.yaml").write_text((root / "dvc.yaml").read_text())
    (tmp_path / "data/validated/esconv").mkdir(parents=True)
    (tmp_path / "data/validated/esconv/verdict.json").write_text(json.dumps(verdict))
    monkeypatch.chdir(tmp_path)

    (found,) = offending._verdicts("validate@esconv")

    assert offending.offending_rows(json.loads(found.read_text())) == [
        {"expectation": "turns have text", "rows that break it": 2, **row}
    ]
    assert not list(offending._verdicts("validate@ed"))
    assert not list(offending._verdicts("report"))


def test_a_copy_of_the_checkout_finds_the_nodes(root: Path, tmp_path: Path) -> None:
    """Stages of experiments, and on other hosts, run the code of a copy."""
    shutil.copytree(root / "flows", tmp_path / "flows", ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-c", "from flows.graph import STAGE; print(STAGE.task_key)"]
    environment = {**os.environ, "PYTHONPATH": str(root / "src")}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == graph.STAGE.task_key
