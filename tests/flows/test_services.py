"""`up`, `ui` and `down`: idempotent, on our ports, and only ever our own processes."""

import base64
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from flows import credential, processes
from flows.servers import LocalServices
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


def test_the_credential_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    made = credential.settle(tmp_path)
    credential.write_profile(tmp_path, "http://127.0.0.1:4200/api", made)

    assert credential.settle(tmp_path) == made
    assert len(made) > 30
    written = list((tmp_path / credential.FOLDER).iterdir())
    assert {path.name: path.stat().st_mode & 0o777 for path in written} == {
        "credential": 0o600,
        "profiles.toml": 0o600,
    }


def test_a_credential_that_others_can_read_is_refused(tmp_path: Path) -> None:
    credential.settle(tmp_path)
    (tmp_path / credential.CREDENTIAL).chmod(0o640)

    with pytest.raises(InputError, match=r"credential: other users .* can read .*; run `make down`"):
        credential.settle(tmp_path)


def test_settings_of_the_user_reach_the_server_but_no_worker(tmp_path: Path) -> None:
    given = {
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": "postgresql+asyncpg://eva@db/prefect",
        "PREFECT_SERVER_API_HOST": "0.0.0.0",
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": "http://server.example:4200",
    }
    services = LocalServices(tmp_path, 4200, 5000, given)
    server = services.server_environment("eva:secret")

    assert server["PREFECT_SERVER_DATABASE_CONNECTION_URL"] == "postgresql+asyncpg://eva@db/prefect"
    assert server["PREFECT_SERVER_API_AUTH_STRING"] == "eva:secret"
    assert server["PREFECT_SERVER_CORS_ALLOWED_ORIGINS"] == (
        "http://127.0.0.1:4200,http://localhost:4200,http://server.example:4200"
    )
    assert "0.0.0.0" in services.argv("prefect")
    assert not services.environment.keys() & given.keys()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("server", "path", "headers", "status"),
    [
        ("PREFECT", "/api/version", {}, 401),
        ("PREFECT", "/api/version", {"Authorization": "own"}, 200),
        ("PREFECT", "/api/version", {"Authorization": "own", "Origin": "own"}, 200),
        ("PREFECT", "/api/version", {"Authorization": "own", "Origin": "http://evil.example"}, 403),
        ("PREFECT", "/api/health", {"Host": "evil.example"}, 400),
        ("MLFLOW", "/", {}, 200),
        ("MLFLOW", "/", {"Host": "evil.example"}, 403),
        ("MLFLOW", "/api/2.0/mlflow/experiments/create", {"Origin": "http://evil.example"}, 403),
    ],
)
def test_only_our_own_pages_and_programs_are_served(
    served: Project, server: str, path: str, headers: dict[str, str], status: int
) -> None:
    address = f"127.0.0.1:{served.environment[f'EVA_{server}_PORT']}"
    signed = f"Basic {base64.b64encode(served.credential.encode()).decode()}"
    own = {"Authorization": signed, "Origin": f"http://{address}"}
    sent = {name: own[name] if value == "own" else value for name, value in headers.items()}
    connection = http.client.HTTPConnection(address, timeout=60)
    connection.request("POST" if "create" in path else "GET", path, headers=sent)

    assert connection.getresponse().status == status
    connection.close()


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
