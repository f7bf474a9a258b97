import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from eva.record import Record, StageRun, find_maker, read_record, record_path, stage_run
from eva.record import mlflow_store as stores
from eva.record.records import history
from eva.settings.prepare_section import Prepare

ITEM = {"corpus": "esconv", "backbone": "tiny", "seed": 1, "variant": "eva"}
SECTIONS = {
    "sft": {"lr": 1e-5, "nested": {"note": "n" * 9000}},
    "prepare": Prepare(keep_supporter_first=False),
}


def train(root: Path, run: StageRun, text: str = "weights") -> None:
    out, plot = root / "models" / "sft.bin", root / "plots" / "loss.csv"
    for path, content in ((out, text), (plot, "step,loss\n1,2.5\n")):
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    run.log_metrics({"eval_loss": 2.5, "odd name!": 1})
    run.log_history([{"step": 1, "loss": 3.0, "who": "trainer"}, {"step": 2, "loss": 2.5}])
    run.log_outputs({"model": out})
    run.log_artifact(plot)


def execute(root: Path, text: str = "weights", *, announce: bool = True) -> Record:
    with stage_run("sft", ITEM, SECTIONS, {"corpus": root / "corpus.jsonl"}, root=root) as run:
        if announce:
            run.announce()
        train(root, run, text)
    return read_record(record_path(root, "sft", ITEM))


def mlflow_run(root: Path, record: Record) -> Any:
    (run,) = stores.connect(root).find(record=record.digest)
    return stores.connect(root).client.get_run(run.info.run_id)


def parent_id(root: Path, record: Record) -> str:
    return str(mlflow_run(root, record).data.tags["mlflow.parentRunId"])


def test_record_file_tells_the_whole_run(checkout: Path) -> None:
    record = execute(checkout)
    assert record_path(checkout, "sft", ITEM).name == "esconv-tiny-1-eva.json"
    assert record.status == "FINISHED"
    assert record.settings["prepare"] == {"keep_supporter_first": False}
    assert record.metrics["eval_loss"] == 2.5
    assert record.history == [{"step": 1, "loss": 3.0}, {"step": 2, "loss": 2.5}]
    assert record.outputs["model"].path == "models/sft.bin"
    assert record.commit and len(record.commit) == 40 and not record.dirty
    assert record.seconds > 0 and record.peak_rss_mb > 20
    assert "torch" in record.versions


def test_mlflow_shows_the_same_as_the_file(checkout: Path) -> None:
    record = execute(checkout)
    opened = stores.connect(checkout)
    run = mlflow_run(checkout, record)
    assert run.info.status == "FINISHED" and run.info.run_name == "sft@esconv-tiny-1-eva"
    assert run.data.metrics["eval_loss"] == 2.5 and run.data.metrics["odd name_"] == 1
    assert [m.value for m in opened.client.get_metric_history(run.info.run_id, "curve/loss")] == [3.0, 2.5]
    assert run.data.params["sft.lr"] == "1e-05" and len(run.data.params["sft.nested.note"]) == 6000
    assert run.data.tags["eva.outputs"] == record.outputs_digest
    assert run.data.tags["eva.seed"] == "1" and "models/sft.bin" in run.data.tags["mlflow.note.content"]
    assert [d.dataset.name for d in run.inputs.dataset_inputs] == ["corpus"]
    assert {f.path for f in opened.client.list_artifacts(run.info.run_id)} == {
        "artifacts.json",
        "plots",
        "record.json",
    }
    assert not (checkout / "mlruns").joinpath("weights").exists()


def test_stages_of_one_commit_and_params_share_a_closed_parent(checkout: Path) -> None:
    first, second = execute(checkout), execute(checkout)
    above = parent_id(checkout, first)
    assert above == parent_id(checkout, second) and first.digest != second.digest
    parent = stores.connect(checkout).client.get_run(above)
    assert parent.info.status == "FINISHED"
    assert parent.info.end_time == mlflow_run(checkout, second).info.end_time

    (checkout / "params.yaml").write_text("sft: {lr: 1.0e-4}\n")
    third = execute(checkout)
    assert parent_id(checkout, third) != above and third.dirty


def test_parent_is_handed_down_by_a_scheduler(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    handed = stores.connect(checkout).create("nightly 7", {}, int(time.time() * 1000))
    monkeypatch.setenv("EVA_PARENT_RUN_ID", handed)
    assert parent_id(checkout, execute(checkout)) == handed
    quiet = execute(checkout, announce=False)
    monkeypatch.setenv("EVA_PARENT_RUN_ID", "0" * 32)
    assert parent_id(checkout, execute(checkout)) not in (handed, "0" * 32)
    assert parent_id(checkout, quiet) == handed


def test_failure_is_recorded_and_leaves_the_latest_good_record(checkout: Path) -> None:
    good = execute(checkout)
    with (
        pytest.raises(RuntimeError, match="out of memory"),
        stage_run("sft", ITEM, SECTIONS, {"corpus": checkout / "corpus.jsonl"}, root=checkout) as run,
    ):
        run.announce()
        run.log_metrics({"eval_loss": 9})
        raise RuntimeError("out of memory")
    assert read_record(record_path(checkout, "sft", ITEM)) == good
    failed = stores.connect(checkout).client.get_run(str(run.run_id))
    assert failed.info.status == "FAILED"
    assert failed.data.tags["eva.error"] == "RuntimeError: out of memory"
    assert stores.connect(checkout).client.get_run(parent_id(checkout, good)).info.status == "FAILED"


def test_missing_input_stops_before_anything_is_made(checkout: Path) -> None:
    with (
        pytest.raises(FileNotFoundError, match="absent"),
        stage_run("sft", ITEM, {}, {"corpus": checkout / "absent"}, root=checkout),
    ):
        pytest.fail("the stage must not start")
    assert not (checkout / "runs").exists()


def test_unreachable_mlflow_does_not_lose_the_stage(
    bare: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    record = execute(bare)
    assert record.status == "FINISHED" and record.metrics["eval_loss"] == 2.5
    assert "eva runs replay" in caplog.text and "127.0.0.1:9" in caplog.text


def test_queued_experiment_records_into_the_main_checkout(checkout: Path) -> None:
    copy = checkout / ".dvc" / "tmp" / "exps" / "q1"
    (copy / "src").mkdir(parents=True)
    (copy / "corpus.jsonl").write_text("{}\n")
    record = execute(copy)
    assert stores.address(copy) == f"sqlite:///{checkout}/mlflow.db"
    assert mlflow_run(checkout, record).info.status == "FINISHED"
    assert not (copy / "mlflow.db").exists()
    assert len(list((checkout / "runs" / "history").iterdir())) == 1


def test_what_is_on_disk_finds_the_run_that_made_it(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = execute(checkout, "old"), execute(checkout, "new")
    model = checkout / "models" / "sft.bin"
    assert find_maker("sft", ITEM, checkout) == second
    model.write_text("old")  # a folder copied from somewhere, without its record
    with monkeypatch.context() as patch:  # the files alone know it
        patch.setattr(stores, "connect", lambda _: pytest.fail("MLflow is not needed"))
        assert find_maker("sft", ITEM, checkout) == first

    for path in (checkout / "runs").rglob("*.json"):
        path.unlink()
    assert find_maker("sft", ITEM, checkout) == first
    model.write_text("never made by a run")
    assert find_maker("sft", ITEM, checkout) is None
    assert find_maker("dpo", ITEM, checkout) is None


def test_a_run_that_is_not_announced_imports_no_mlflow_and_is_logged_by_the_next_that_is(
    checkout: Path,
) -> None:
    program = (
        "import sys; from pathlib import Path; from eva.record import stage_run\n"
        "with stage_run('prepare', {}, {}, {}, root=Path(sys.argv[1])): pass\n"
        "print([name for name in ('mlflow', 'torch', 'pandas') if name in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    words = [sys.executable, "-c", program, str(checkout)]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    quiet = read_record(record_path(checkout, "prepare", {}))
    assert stores.connect(checkout).find(record=quiet.digest) == []

    announced = execute(checkout)
    assert mlflow_run(checkout, quiet).info.status == "FINISHED"
    assert parent_id(checkout, quiet) == parent_id(checkout, announced)
    assert not list((checkout / "runs" / "pending").iterdir())


def test_the_precision_that_was_used_is_recorded(checkout: Path) -> None:
    with stage_run("sft", ITEM, SECTIONS, {}, root=checkout) as run:
        run.announce()
        run.log_precision({"sft.precision": "fp32"})
    record = read_record(record_path(checkout, "sft", ITEM))
    assert record.precision == {"sft.precision": "fp32"}
    assert mlflow_run(checkout, record).data.tags["eva.precision.sft.precision"] == "fp32"


STAGE = """
import sys, time
from pathlib import Path
from eva.record import stage_run
root = Path(sys.argv[1])
with stage_run("prepare", {"corpus": sys.argv[2]}, {}, {}, root=root) as run:
    run.announce()
    Path(root, f"started-{sys.argv[2]}").touch()
    time.sleep(float(sys.argv[3]))
"""


def start(root: Path, corpus: str, seconds: float) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen([sys.executable, "-c", STAGE, str(root), corpus, str(seconds)], env=environment)


def wait_for(path: Path) -> None:
    for _ in range(3000):
        if path.exists():
            return
        time.sleep(0.1)
    pytest.fail(f"{path} did not appear in five minutes")


@pytest.mark.slow
def test_a_killed_stage_leaves_no_run_running(checkout: Path) -> None:
    for corpus, number in (("term", signal.SIGTERM), ("kill", signal.SIGKILL)):
        process = start(checkout, corpus, 60)
        wait_for(checkout / f"started-{corpus}")
        process.send_signal(number)
        assert process.wait(300) != 0
    opened = stores.connect(checkout)

    def status(corpus: str) -> list[str]:
        return [run.info.status for run in opened.find(stage="prepare", corpus=corpus)]

    assert status("term") == ["KILLED"]
    deadline = time.monotonic() + 120
    while status("kill") != ["KILLED"]:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    kept = [record.status for record in history(checkout)]
    assert kept == ["KILLED", "KILLED"], "the files know both"


def test_a_run_whose_host_went_down_is_ended_by_the_next_stage(checkout: Path) -> None:
    tags = {"eva.host": socket.gethostname(), "eva.pid": str(2**22 + 1), "eva.stage": "sft"}
    lost = stores.connect(checkout).create("sft", tags)
    execute(checkout)
    assert stores.connect(checkout).client.get_run(lost).info.status == "KILLED"


@pytest.mark.slow
def test_stages_that_start_together_in_an_empty_checkout_share_store_and_parent(bare: Path) -> None:
    processes = [start(bare, f"c{number}", 0.5) for number in range(3)]
    assert [process.wait(400) for process in processes] == [0, 0, 0]
    opened = stores.connect(bare)
    paths = sorted((bare / "runs" / "prepare").iterdir())
    parents = {parent_id(bare, read_record(path)) for path in paths}
    assert len(paths) == 3 and len(parents) == 1
    runs = opened.client.search_runs([opened.experiment])
    assert len(runs) == 4, "three stages and one parent"
