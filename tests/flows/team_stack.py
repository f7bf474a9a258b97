"""Servers of the team stack by its own commands, on a PostgreSQL and an S3-speaking store of this machine."""

import http.client
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.flows.conftest import free_port

VALUES = {
    "EVA_DOMAIN": "eva.example.org", "EVA_IMAGE": "cpu", "EVA_POSTGRES_PASSWORD": "secret",
    "EVA_PREFECT_AUTH": "eva:secret", "EVA_S3_USER": "eva", "EVA_S3_PASSWORD": "secret88",
    "EVA_MLFLOW_USER": "eva", "EVA_MLFLOW_HASH": "hash",
}  # fmt: skip
VARIABLE = re.compile(r"\$\{(\w+)(?::[?-][^}]*)?\}")


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A PostgreSQL with the stack's user and databases; yields its port."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not found:
        pytest.skip("no PostgreSQL is installed")
    programs, port = found[-1], free_port()
    folder = Path("/tmp") / f"eva-postgres-{port}"  # its user cannot enter pytest's own folders
    folder.mkdir()
    user = "nobody" if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root
    if user:
        shutil.chown(folder, user)
    quiet: Any = {"user": user, "cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    where = ["-D", str(folder / "data")]
    subprocess.run([programs / "initdb", *where, "-U", "eva", "--no-sync"], check=True, **quiet)
    command = [str(programs / "postgres"), *where, "-p", str(port), "-k", str(folder), "-h", "127.0.0.1"]
    server = subprocess.Popen(command, **quiet)
    try:
        until(lambda: psql(programs, port, "postgres", "CREATE DATABASE prefect OWNER eva").returncode == 0)
        script = Path(__file__).resolve().parents[2] / "infra/create-mlflow-database.sql"
        assert psql(programs, port, "prefect", script.read_text()).returncode == 0
        yield port
    finally:
        server.terminate()
        server.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def psql(programs: Path, port: int, database: str, words: str) -> subprocess.CompletedProcess[str]:
    address = ["-h", "127.0.0.1", "-p", str(port), "-U", "eva", "-d", database, "-tAc", words]
    return subprocess.run([programs / "psql", *address], capture_output=True, text=True, check=False)


def until(ready: Any, seconds: float = 180.0) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.3)


@pytest.fixture(scope="module")
def objects() -> Iterator[str]:
    """The address of a server on this machine that speaks S3, with the stack's bucket `mlflow`."""
    pytest.importorskip("moto.server", reason="moto is not installed: pip install 'moto[server]'")
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: server.poll() is not None or status(port, "/") == 200)
        bucket(address).create_bucket(Bucket="mlflow")
        yield address
    finally:
        server.terminate()
        server.wait(30)


def started(
    service: dict[str, Any], root: Path, port: int, folder: Path, **places: str
) -> subprocess.Popen[bytes]:
    """A server of the stack, by the stack's own command and environment, with addresses of this machine.

    `places` says where here is what the stack calls `postgres`, `objects` (a store) or `bucket` (a folder).
    """
    stack = {
        "postgres": "@postgres/", "objects": "http://objects:9000", "bucket": "s3://mlflow",
        "prefect": "http://prefect:",
    }  # fmt: skip

    def here(text: str) -> str:
        moved = VARIABLE.sub(lambda m: VALUES.get(m[1], ""), str(text))
        for name, place in places.items():
            moved = moved.replace(stack[name], place)
        return re.sub(r"\b(4200|5000)\b", str(port), moved).replace("0.0.0.0", "127.0.0.1")

    command = [here(word) for word in service["command"]]
    given = {name: here(value) for name, value in service["environment"].items()}
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "MLFLOW_"))}
    environment = {**kept, **given, "PREFECT_HOME": str(folder), "PYTHONPATH": f"{root / 'src'}"}
    environment["PYTHONPATH"] += os.pathsep + os.environ.get("PYTHONPATH", "")
    folder.mkdir(exist_ok=True)
    log = (folder / "log").open("wb")
    words = command[1:] if command[0] == "python" else ["-m", *command]
    return subprocess.Popen([sys.executable, *words], cwd=root, env=environment, stdout=log, stderr=log)


def status(port: int, path: str, **headers: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path, headers=headers)
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def end(server: subprocess.Popen[bytes]) -> None:
    family = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
    for process in family:
        process.terminate()
    psutil.wait_procs(family, timeout=20)


def rows(port: int, database: str, query: str) -> list[str]:
    """The rows that a query finds in a database of the PostgreSQL at `port`."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    return psql(programs, port, database, query).stdout.split()


def stored(objects: str) -> list[str]:
    """The names of all objects in the bucket `mlflow` of the store at this address."""
    listed = bucket(objects).list_objects_v2(Bucket="mlflow")
    return [one["Key"] for one in listed.get("Contents", ())]


def bucket(objects: str) -> Any:
    """A client of the store at this address, with the stack's keys."""
    import boto3

    keys = {"aws_access_key_id": VALUES["EVA_S3_USER"], "aws_secret_access_key": VALUES["EVA_S3_PASSWORD"]}
    return boto3.client("s3", endpoint_url=objects, region_name="us-east-1", **keys)
