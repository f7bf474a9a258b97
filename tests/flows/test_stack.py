"""The team stack and the job templates without a container engine; its servers on a real PostgreSQL."""

import base64
import http.client
import importlib.util
import json
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
import yaml
from tests.flows.conftest import free_port

VALUES = {
    "EVA_DOMAIN": "eva.example.org", "EVA_IMAGE": "cpu", "EVA_POSTGRES_PASSWORD": "secret",
    "EVA_PREFECT_AUTH": "eva:secret", "EVA_S3_USER": "eva", "EVA_S3_PASSWORD": "secret88",
    "EVA_MLFLOW_USER": "eva", "EVA_MLFLOW_HASH": "hash",
}  # fmt: skip
VARIABLE = re.compile(r"\$\{(\w+)(?::[?-][^}]*)?\}")
PLACEHOLDER = re.compile(r"\{\{ (\w+) \}\}")
OURS = {"command", "env", "labels", "name"}  # what Prefect's workers fill in


@pytest.fixture
def compose(root: Path) -> dict[str, Any]:
    return dict(yaml.safe_load((root / "infra/compose.yaml").read_text()))


def test_every_value_of_the_stack_has_a_line_in_the_example(root: Path) -> None:
    asked = set(VARIABLE.findall((root / "infra/compose.yaml").read_text())) - {"EVA_VERSION"}
    proxied = set(re.findall(r"\{\$(\w+)\}", (root / "infra/Caddyfile").read_text()))
    offered = set(re.findall(r"^(\w+)=", (root / "infra/compose.env.example").read_text(), re.MULTILINE))

    assert asked == offered == set(VALUES)
    assert proxied <= offered


def test_only_the_proxy_has_ports_and_every_file_is_there(root: Path, compose: dict[str, Any]) -> None:
    services = compose["services"]
    mounted = [v.split(":")[0] for service in services.values() for v in service.get("volumes", [])]

    assert [name for name, service in services.items() if "ports" in service] == ["proxy"]
    assert all((root / "infra" / path).exists() for path in mounted if path.startswith("."))
    assert {path for path in mounted if not path.startswith(".")} <= set(compose["volumes"])


def test_compose_follows_its_schema(root: Path) -> None:
    if importlib.util.find_spec("check_jsonschema") is None:
        pytest.skip("check-jsonschema is not installed")
    check = ["check_jsonschema", "--builtin-schema", "vendor.compose-spec", "infra/compose.yaml"]
    done = subprocess.run(
        [sys.executable, "-m", *check], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_the_image_definition_passes_hadolint(root: Path) -> None:
    if not (hadolint := shutil.which("hadolint")):
        pytest.skip("hadolint is not installed")
    done = subprocess.run(
        [hadolint, "infra/Dockerfile"], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("kind", ["docker", "kubernetes"])
def test_a_job_template_fills_every_place(root: Path, kind: str) -> None:
    template = json.loads((root / f"infra/{kind}-pool.json").read_text())
    fields = template["variables"]["properties"]
    places = set(PLACEHOLDER.findall(json.dumps(template["job_configuration"])))

    assert places == set(fields)
    assert all(field["description"] for field in fields.values())
    optional = {"mem_limit", "job_watch_timeout_seconds", "name", "command"}
    assert {name for name, field in fields.items() if "default" not in field} <= optional


def test_the_kubernetes_job_is_valid(root: Path) -> None:
    validate = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    template = json.loads((root / "infra/kubernetes-pool.json").read_text())
    fields = template["variables"]["properties"]
    values = {
        **{name: field.get("default") for name, field in fields.items()},
        "name": "run", "command": ["prefect", "flow-run", "execute"], "env": [{"name": "A", "value": "b"}],
    }  # fmt: skip
    manifest = _filled(template["job_configuration"]["job_manifest"], values)

    validate.validate(manifest, "1.33", strict=True)
    container = manifest["spec"]["template"]["spec"]["containers"][0]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 1


def _filled(value: Any, values: dict[str, Any]) -> Any:
    """A template with its places filled, as Prefect fills them: a place alone keeps its value's type."""
    if isinstance(value, dict):
        return {key: _filled(entry, values) for key, entry in value.items()}
    if isinstance(value, list):
        return [_filled(entry, values) for entry in value]
    if isinstance(value, str) and (whole := PLACEHOLDER.fullmatch(value)):
        return values[whole[1]]
    return PLACEHOLDER.sub(lambda m: str(values[m[1]]), value) if isinstance(value, str) else value


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
    command = [programs / "postgres", *where, "-p", str(port), "-k", str(folder), "-h", "127.0.0.1"]
    server = subprocess.Popen(command, **quiet)
    try:
        _await(lambda: _psql(programs, port, "postgres", "CREATE DATABASE prefect OWNER eva").returncode == 0)
        script = Path(__file__).resolve().parents[2] / "infra/create-mlflow-database.sql"
        assert _psql(programs, port, "prefect", script.read_text()).returncode == 0
        yield port
    finally:
        server.terminate()
        server.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def _psql(programs: Path, port: int, database: str, words: str) -> subprocess.CompletedProcess[str]:
    address = ["-h", "127.0.0.1", "-p", str(port), "-U", "eva", "-d", database, "-tAc", words]
    return subprocess.run([programs / "psql", *address], capture_output=True, text=True, check=False)


def _await(ready: Any, seconds: float = 180.0) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.3)


def _started(
    service: dict[str, Any], root: Path, postgres: int, port: int, artifacts: Path
) -> subprocess.Popen[bytes]:
    """A server of the stack, by the stack's own command and environment, with addresses of this machine."""

    def here(text: str) -> str:
        filled = VARIABLE.sub(lambda m: VALUES.get(m[1], ""), str(text))
        moved = filled.replace("@postgres/", f"@127.0.0.1:{postgres}/").replace("s3://mlflow", str(artifacts))
        return re.sub(r"\b(4200|5000)\b", str(port), moved).replace("0.0.0.0", "127.0.0.1")

    command = [here(word) for word in service["command"]]
    given = {name: here(value) for name, value in service["environment"].items()}
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "MLFLOW_"))}
    environment = {**kept, **given, "PREFECT_HOME": str(artifacts), "PYTHONPATH": f"{root / 'src'}"}
    environment["PYTHONPATH"] += os.pathsep + os.environ.get("PYTHONPATH", "")
    log = (artifacts / "log").open("wb")
    return subprocess.Popen([sys.executable, *command[1:]], cwd=root, env=environment, stdout=log, stderr=log)


def _status(port: int, path: str, **headers: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path, headers=headers)
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def _end(server: subprocess.Popen[bytes]) -> None:
    family = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
    for process in family:
        process.terminate()
    psutil.wait_procs(family, timeout=20)


@pytest.mark.slow
def test_prefect_s_server_of_the_stack_runs_on_postgresql(
    root: Path, compose: dict[str, Any], postgres: int, tmp_path: Path
) -> None:
    port = free_port()
    signed = f"Basic {base64.b64encode(VALUES['EVA_PREFECT_AUTH'].encode()).decode()}"
    server = _started(compose["services"]["prefect"], root, postgres, port, tmp_path)
    try:
        _await(lambda: server.poll() is not None or _status(port, "/api/health") == 200)
        assert server.poll() is None, (tmp_path / "log").read_text()[-2000:]

        assert _status(port, "/api/version") == 401
        assert _status(port, "/api/version", Authorization=signed, Host=VALUES["EVA_DOMAIN"]) == 200
        assert _status(port, "/api/version", Authorization=signed, Host="evil.example") == 400
        assert _tables(postgres, "prefect") > 20
    finally:
        _end(server)


@pytest.mark.slow
def test_mlflow_s_server_of_the_stack_runs_on_postgresql(
    root: Path, compose: dict[str, Any], postgres: int, tmp_path: Path
) -> None:
    if importlib.util.find_spec("psycopg2") is None:
        pytest.skip("psycopg2 is not installed (infra/team.txt)")
    port = free_port()
    service = {**compose["services"]["mlflow"], "environment": {}}
    server = _started(service, root, postgres, port, tmp_path)
    try:
        _await(lambda: server.poll() is not None or _status(port, "/health") == 200)
        assert server.poll() is None, (tmp_path / "log").read_text()[-2000:]

        assert _status(port, "/", Host=f"mlflow.{VALUES['EVA_DOMAIN']}") == 200
        assert _status(port, "/", Host="evil.example") == 403
        assert _tables(postgres, "mlflow") > 20
    finally:
        _end(server)


def _tables(port: int, database: str) -> int:
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    words = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"
    return int(_psql(programs, port, database, words).stdout)
