"""`up`, `ui` and `down`: idempotent, on our ports, and only ever our own processes."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from flows import processes
from tests.flows.conftest import Project

from eva.errors import InputError

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


def test_a_process_is_found_and_stopped_with_its_children(tmp_path: Path) -> None:
    parent = f"import subprocess; subprocess.run({SLEEP!r})"
    processes.start(tmp_path, "toy", [sys.executable, "-c", parent], os.environ, port=4321)
    running = processes.find(tmp_path, "toy")
    assert running is not None
    assert running.port == 4321
    family = _family(running.pid, size=2)

    assert processes.stop(tmp_path, ["toy"]) == ["toy"]
    assert not any(process.is_running() and process.status() != "zombie" for process in family)
    assert processes.find(tmp_path, "toy") is None
    assert processes.stop(tmp_path, ["toy"]) == []


def test_a_recycled_pid_is_left_alone(tmp_path: Path) -> None:
    stranger = subprocess.Popen(SLEEP)
    try:
        folder = tmp_path / processes.FOLDER
        folder.mkdir(parents=True)
        (folder / "prefect.pid").write_text(json.dumps({"pid": stranger.pid, "port": 1}))

        assert processes.find(tmp_path, "prefect") is None
        assert processes.stop(tmp_path, ["prefect"]) == []
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_another_checkout_s_process_is_left_alone(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    processes.start(one, "prefect", SLEEP, os.environ)
    try:
        (other / processes.FOLDER).mkdir(parents=True)
        pid_file = processes.FOLDER / "prefect.pid"
        (other / pid_file).write_text((one / pid_file).read_text())

        assert processes.find(other, "prefect") is None
        assert processes.find(one, "prefect") is not None
    finally:
        processes.stop(one, ["prefect"])


def test_a_service_that_ends_while_it_starts_shows_its_log(tmp_path: Path) -> None:
    processes.start(
        tmp_path, "toy", [sys.executable, "-c", "raise SystemExit('no such database')"], os.environ
    )

    with pytest.raises(InputError, match="no such database"):
        processes.wait_until(lambda: False, tmp_path, "toy", seconds=20)


@pytest.mark.parametrize("variable", ["EVA_PREFECT_PORT", "EVA_MLFLOW_PORT"])
def test_a_port_in_use_is_named_and_nothing_is_started(project: Project, variable: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        project.environment[variable] = str(port)

        done = project.run("-m", "flows.services", "up")

    assert done.returncode == 2
    assert f"port {port}" in done.stdout
    assert f"set {variable} to a free port" in done.stdout
    assert not list((project.folder / ".eva").glob("**/*.pid"))


def test_a_senseless_port_is_refused(project: Project) -> None:
    project.environment["EVA_MLFLOW_PORT"] = "five"

    done = project.run("-m", "flows.services", "up")

    assert done.returncode == 2
    assert "EVA_MLFLOW_PORT is 'five': give a port from 1024 to 65535" in done.stdout


def test_down_without_up_says_so(project: Project) -> None:
    done = project.run("-m", "flows.services", "down")

    assert done.returncode == 0
    assert "no service was running" in done.stdout


@pytest.mark.slow
def test_up_again_keeps_what_runs(served: Project) -> None:
    pids = {name: processes.find(served.folder, name) for name in ("prefect", "mlflow", "worker-gpu")}

    again = served.run("-m", "flows.services", "up")
    shown = served.run("-m", "flows.services", "ui")

    assert again.returncode == shown.returncode == 0
    assert "already up" in again.stdout
    assert f"http://127.0.0.1:{served.environment['EVA_MLFLOW_PORT']}" in shown.stdout
    assert pids == {name: processes.find(served.folder, name) for name in pids}


@pytest.mark.slow
def test_mlflow_record_is_the_same_with_and_without_the_server(served: Project) -> None:
    write = """
import mlflow, pathlib
with mlflow.start_run() as run:
    mlflow.log_metric('nll', 3.5)
    mlflow.log_text('hello', 'note.txt')
print(run.info.run_id)
"""
    read = """
import mlflow, sys
run = mlflow.get_run(sys.argv[1])
print(run.data.metrics['nll'], mlflow.artifacts.load_text(run.info.artifact_uri + '/note.txt'))
"""
    server = f"http://127.0.0.1:{served.environment['EVA_MLFLOW_PORT']}"
    file = f"sqlite:///{served.folder}/mlflow.db"
    run_id = served.run("-c", write, MLFLOW_TRACKING_URI=server, NO_PROXY="127.0.0.1").stdout.split()[-1]

    seen = served.run("-c", read, run_id, MLFLOW_TRACKING_URI=file)

    assert seen.stdout.split()[-2:] == ["3.5", "hello"], seen.stderr


def _family(pid: int, size: int) -> list[psutil.Process]:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        if len(family) == size:
            return family
        time.sleep(0.05)
    raise AssertionError(f"process {pid} has not started its children")
