"""The whole DAG on tiny models, through real `dvc repro` in a clone of its own."""

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest
from tests.docs.commands import blocks
from tests.e2e.conftest import ROOT, Clone

from eva.record.records import latest_paths

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]

VARIANTS = ("base", "cot", "wo_acq", "wo_ali", "eva")
ITEM = "esconv-tiny_llama-1"
README = ROOT / "README.md"


def test_every_stage_left_its_outs(smoke: Clone) -> None:
    for variant in VARIANTS:
        item = f"{ITEM}-{variant}"
        rows = (smoke.root / "responses" / f"{item}.jsonl").read_text().splitlines()
        assert len(rows) > 0
        assert json.loads((smoke.root / "metrics" / "evaluate" / f"{item}.json").read_text())
    assert "<html" in (smoke.root / "report" / "index.html").read_text()
    assert all(name in (smoke.root / "report" / "comparison.txt").read_text() for name in VARIANTS)


def test_eva_starts_from_the_model_that_w_o_ali_is(smoke: Clone) -> None:
    """The ablation compares the same fine-tuning with and without alignment."""
    weights = [
        (smoke.root / f"models/sft/{ITEM}-{variant}/model.safetensors").read_bytes()
        for variant in ("wo_ali", "eva")
    ]
    assert weights[0] == weights[1]


def test_a_second_run_runs_nothing(smoke: Clone) -> None:
    assert smoke.ran() == set()


def test_no_out_tells_time_or_place(smoke: Clone) -> None:
    """Outs that others depend on must be the same on another machine."""
    for folder in ("data/prepared", "data/validated", "metrics", "scores", "responses"):
        for path in (smoke.root / folder).rglob("*.json*"):
            text = path.read_text()
            assert str(smoke.root) not in text, path
            assert '"run_id"' not in text, path


def test_changing_beta_reruns_alignment_and_what_follows(smoke: Clone) -> None:
    with smoke.params() as params:
        params["dpo"]["beta"] = 0.3
        smoke.save(params)
        ran = smoke.ran()
    assert {f"dpo@{ITEM}-wo_acq", f"dpo@{ITEM}-eva"} <= ran
    assert {f"generate@{ITEM}-eva", f"evaluate@{ITEM}-eva", "report", "register"} <= ran
    follows = {"dpo", "generate", "evaluate", "capability", "safety", "report", "register"}
    assert {name.split("@")[0] for name in ran} == follows
    assert not ran & {f"generate@{ITEM}-{name}" for name in ("base", "cot", "wo_ali")}
    smoke.repro()  # restored from DVC's run cache


def test_a_seed_is_one_row_and_runs_only_what_is_new(smoke: Clone) -> None:
    chain = ("sft", "dpo", "generate", "evaluate")
    with smoke.params() as params:
        params["matrix"]["seeds"] = [1, 2]
        smoke.save(params)
        ran = smoke.ran(*(f"evaluate@esconv-tiny_llama-{seed}-base" for seed in (1, 2)))
    assert ran == {f"{stage}@esconv-tiny_llama-2-base" for stage in chain}


def test_a_variant_is_one_row_and_runs_only_what_is_new(smoke: Clone) -> None:
    chain = ("sft", "dpo", "generate", "evaluate")
    with smoke.params() as params:
        params["variants"]["acq_cot"] = {"acquire": True, "align": False, "prompt": "cot"}
        smoke.save(params)
        ran = smoke.ran("evaluate")
    assert ran == {f"{stage}@{ITEM}-acq_cot" for stage in chain}
    record = json.loads((smoke.root / f"runs/sft/{ITEM}-acq_cot.json").read_text())
    assert record["reused"], "the same fine-tuning was trained twice"


def test_a_capability_task_is_one_name_and_runs_only_its_stage(smoke: Clone) -> None:
    pytest.importorskip("lm_eval", reason="pip install -e '.[capability]' -c constraints.txt")
    with smoke.params() as params:
        params["capability"]["tasks"] = ["everyday_sense"]
        smoke.save(params)
        ran = smoke.ran("report")
    assert ran == {"capability@esconv-tiny_llama-1", "report"}
    table = json.loads((smoke.root / "metrics/capability/esconv-tiny_llama-1.json").read_text())
    assert set(table) == {"everyday_sense/acc", "everyday_sense/acc_norm"}
    assert "everyday_sense/acc" in (smoke.root / "report" / "index.html").read_text()
    smoke.repro("report")  # restored from DVC's run cache


def test_dvc_shows_metrics_params_and_plots(smoke: Clone) -> None:
    shown = json.loads(smoke.run("dvc", "metrics", "show", "--json").stdout)
    files = shown[""]["data"]
    assert files[f"metrics/evaluate/{ITEM}-eva.json"]["data"]["overlap/bleu_2"] is not None
    with smoke.params() as params:
        params["dpo"]["beta"] = 0.2
        smoke.save(params)
        assert "dpo.beta" in smoke.run("dvc", "params", "diff").stdout
    smoke.run("dvc", "plots", "show")
    assert (smoke.root / "dvc_plots" / "index.html").is_file()


def test_experiments_run_now_and_from_the_queue(smoke: Clone) -> None:
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@example.org"]
    subprocess.run([*git, "add", "-A"], cwd=smoke.root, check=True)
    subprocess.run([*git, "commit", "-qm", "results", "--allow-empty"], cwd=smoke.root, check=True)
    smoke.run("dvc", "exp", "run", "-n", "now", "-S", "report.samples=0")
    smoke.run("dvc", "exp", "run", "--queue", "-n", "later", "-S", "report.title=queued")
    smoke.run("dvc", "exp", "run", "--run-all", "--jobs", "1")
    listed = smoke.run("dvc", "exp", "list", "--name-only").stdout.split()
    assert {"now", "later"} <= set(listed)


def test_a_second_repro_meanwhile_is_refused(smoke: Clone) -> None:
    words = [sys.executable, "-m", "dvc", "repro", "-f", "-s", "level_classifier"]
    lock = smoke.root / ".dvc" / "tmp" / "rwlock"
    first = subprocess.Popen(
        words, cwd=smoke.root, env=smoke.env(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 60
        while "models/level_classifier" not in (lock.read_text() if lock.exists() else ""):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        second = smoke.repro("-f", "-s", "level_classifier", check=False)
        assert second.returncode != 0
        assert "is busy" in second.stderr + second.stdout
    finally:
        assert first.wait(300) == 0


def test_a_faulty_corpus_stops_the_dag_before_anything_trains(smoke: Clone, tmp_path: Path) -> None:
    corpus = tmp_path / "esconv"
    shutil.copytree(smoke.root / "data" / "sample" / "esconv", corpus)
    dialogues = json.loads((corpus / "ESConv.json").read_text())
    dialogues[1] = dialogues[0]  # the same conversation twice, under two positions
    splits = json.loads((corpus / "splits.json").read_text())
    splits["train"].remove(1)
    splits["test"].append(1)
    (corpus / "ESConv.json").write_text(json.dumps(dialogues))
    (corpus / "splits.json").write_text(json.dumps(splits))
    with smoke.params() as params:
        params["corpora"]["esconv"]["path"] = str(corpus)
        smoke.save(params)
        done = smoke.repro("evaluate", check=False)
    assert done.returncode != 0
    assert "Running stage 'sft" not in done.stdout
    assert "two splits" in done.stderr + done.stdout
    smoke.repro("evaluate")


def test_every_stage_is_an_mlflow_run_under_one_parent(smoke: Clone) -> None:
    program = (
        "import mlflow, json; mlflow.set_tracking_uri('sqlite:///mlflow.db')\n"
        "runs = mlflow.search_runs(search_all_experiments=True, output_format='list')\n"
        "print(json.dumps([dict(r.data.tags) for r in runs]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=smoke.root,
        env=smoke.env(),
        capture_output=True,
        text=True,
        check=True,
    )
    tags = json.loads(done.stdout.splitlines()[-1])
    children = [row for row in tags if "mlflow.parentRunId" in row]
    assert {row["eva.stage"] for row in children} >= {
        "prepare", "validate", "backbone", "preferences", "sft", "dpo", "level_classifier", "epitome",
        "generate", "evaluate", "people", "capability", "crisis_detector", "safety", "report", "register",
    }  # fmt: skip


def test_a_colleague_does_what_the_readme_says(smoke: Clone, tmp_path: Path) -> None:
    """Push here; clone there, and then the README's own lines for a colleague, to the last."""
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@example.org"]
    subprocess.run([*git, "add", "-A"], cwd=smoke.root, check=True)
    subprocess.run([*git, "commit", "-qm", "results", "--allow-empty"], cwd=smoke.root, check=True)
    smoke.run("dvc", "remote", "add", "--local", "team", str(tmp_path / "team"))
    smoke.run("dvc", "push", "--run-cache", "-r", "team")

    there = Clone(tmp_path / "there")
    subprocess.run(["git", "clone", "-q", str(smoke.root), str(there.root)], check=True)
    there.run("dvc", "remote", "add", "--local", "team", str(tmp_path / "team"))
    lines = next(lines for lines in blocks(README) if lines[0].startswith("dvc pull -r team"))
    said = {line.split(" #")[0].strip(): there.typed(line) for line in lines}
    assert list(said)[1:] == ["dvc repro", "eva runs replay", "eva report", "eva registry push"]
    assert "Running stage" not in said["dvc repro"]
    stages = ("prepare", "sft", "dpo", "generate", "evaluate", "capability")
    records = [path for stage in stages for path in smoke.root.glob(f"runs/{stage}/{ITEM[:6]}*.json")]
    assert len(records) >= 22
    for path in records:
        assert (there.root / path.relative_to(smoke.root)).read_bytes() == path.read_bytes()
    assert int(said["eva runs replay"].split()[0]) == len(latest_paths(there.root))
    assert "0 runs written" in there.run("eva", "runs", "replay").stdout
    assert said["eva report"].startswith("esconv, tiny_llama")
    assert (there.root / "report" / "index.html").is_file()
    assert _lineage(there) == {
        stage: json.loads((smoke.root / f"runs/{stage}/{ITEM}-eva.json").read_text())["commit"]
        for stage in ("sft", "dpo", "generate", "evaluate")
    }
    _chats(there, "then `eva chat`" in lines[-1])


def _chats(clone: Clone, promised: bool) -> None:
    """`eva chat` as the README has it; a tiny model that missed its gate is the newest version."""
    assert promised, "the README no longer says that `eva chat` works there"
    said = clone.typed("eva chat", "I lost my job today\n").splitlines()
    (loaded,) = (number for number, line in enumerate(said) if line.startswith("[loading "))
    assert said[loaded + 1].strip(), "no answer"


def _lineage(clone: Clone) -> dict[str, str]:
    """The commits of the runs behind the registered model, after a look at each of these runs."""
    program = (
        "import mlflow, json; client = mlflow.MlflowClient('sqlite:///mlflow.db')\n"
        "version, found = client.get_model_version('eva-smoke', '1'), {}\n"
        "told = json.load(open(client.download_artifacts(version.run_id, 'package/lineage.json')))\n"
        "for stage in ('sft', 'dpo', 'generate', 'evaluate'):\n"
        "    run = client.get_run(told[stage]['run'])\n"
        "    assert run.data.tags['eva.record'] == told[stage]['record']\n"
        "    found[stage] = run.data.tags['eva.commit']\n"
        "print(json.dumps(found))"
    )
    words = [sys.executable, "-c", program]
    done = subprocess.run(words, cwd=clone.root, env=clone.env(), capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_a_push_registers_the_workspace_once_and_experiments_register_nothing(smoke: Clone) -> None:
    """Before and after the push: DVC alone, also by an experiment, changes no registry."""
    smoke.repro("-f", "-s", "register")
    assert "eva-smoke" not in smoke.run("eva", "registry", "list").stdout
    pushed = smoke.run("eva", "registry", "push").stdout
    assert pushed.startswith("models:/eva-smoke/1 registered; the gate refused it:\n  - ")
    with smoke.params() as params:
        params["report"]["title"] = "another"
        smoke.save(params)
        smoke.repro()
        again = smoke.run("eva", "registry", "push").stdout
    assert again.startswith("models:/eva-smoke/1 was registered already, with the same weights")
    asked = "My sister moved away and the flat is so quiet"
    said = smoke.run("eva", "chat", asked).stdout.splitlines()
    assert said[-1].strip(), "no answer"
    refused = smoke.run("eva", "chat", asked, "--model", "models:/eva-smoke/99", check=False)
    assert refused.returncode == 2


def test_acquisition_lowers_the_held_out_loss(smoke: Clone) -> None:
    metrics = json.loads((smoke.root / f"metrics/sft/{ITEM}-wo_ali.json").read_text())
    assert metrics["nll_after"] < metrics["nll_before"]


@pytest.mark.parametrize("variant", ["wo_acq", "eva"])
def test_alignment_starts_at_its_reference_and_moves(smoke: Clone, variant: str) -> None:
    metrics = json.loads((smoke.root / f"metrics/dpo/{ITEM}-{variant}.json").read_text())
    assert metrics["loss_first_step"] == pytest.approx(math.log(2), abs=1e-6)
    assert metrics["lora_b_moved"] == metrics["lora_b_total"] > 0


@pytest.mark.parametrize(("one", "other"), list(combinations(VARIANTS, 2)))
def test_the_variants_answer_the_same_turns_differently(smoke: Clone, one: str, other: str) -> None:
    ours, theirs = (_responses(smoke, variant) for variant in (one, other))
    assert ours.keys() == theirs.keys()
    assert ours != theirs


def _responses(smoke: Clone, variant: str) -> dict[tuple[str, int], str]:
    lines = (smoke.root / f"responses/{ITEM}-{variant}.jsonl").read_text().splitlines()
    return {(row["dialogue_id"], row["turn"]): row["response"] for row in map(json.loads, lines)}


def test_a_training_that_is_killed_leaves_no_out_and_goes_on_from_its_checkpoint(smoke: Clone) -> None:
    """The last test of the clone, which has a model of other settings afterwards."""
    stage = f"sft@{ITEM}-eva"
    store = smoke.root / ".eva" / "checkpoints"
    out = smoke.root / f"models/sft/{ITEM}-eva"
    with smoke.params() as params:
        params["sft"] |= {"epochs": 30, "save_steps": 2}  # long enough to be caught at work
        smoke.save(params)
        process = subprocess.Popen(
            [sys.executable, "-m", "dvc", "repro", "-s", stage],
            cwd=smoke.root,
            env=replace(smoke, beside={}).env(),  # its own process, which is killed with DVC
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while not list(store.glob("*/trainer/checkpoint-*/manifest.json")):
            assert process.poll() is None, "the training ended before it wrote a checkpoint"
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert not (out / "model.safetensors").exists()
        done = smoke.repro("-s", stage)
        assert "going on from checkpoint-" in done.stdout + done.stderr
        assert (out / "model.safetensors").is_file()
