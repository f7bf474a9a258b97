"""The team stack and the job templates without a container engine; its servers on a real PostgreSQL."""

import base64
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.flows.conftest import free_port
from tests.flows.team_stack import VALUES, VARIABLE, end, postgres, rows, started, status, until

__all__ = ["postgres"]

PLACEHOLDER = re.compile(r"\{\{ (\w+) \}\}")
TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
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


@pytest.mark.slow
def test_prefect_s_server_of_the_stack_runs_on_postgresql(
    root: Path, compose: dict[str, Any], postgres: int, tmp_path: Path
) -> None:
    port = free_port()
    signed = f"Basic {base64.b64encode(VALUES['EVA_PREFECT_AUTH'].encode()).decode()}"
    server = started(compose["services"]["prefect"], root, port, tmp_path, postgres=f"@127.0.0.1:{postgres}/")
    try:
        until(lambda: server.poll() is not None or status(port, "/api/health") == 200)
        assert server.poll() is None, (tmp_path / "log").read_text()[-2000:]

        assert status(port, "/api/version") == 401
        assert status(port, "/api/version", Authorization=signed, Host=VALUES["EVA_DOMAIN"]) == 200
        assert status(port, "/api/version", Authorization=signed, Host="evil.example") == 400
        assert len(rows(postgres, "prefect", TABLES)) > 20
        _deploy_and_take_runs(compose, root, port, tmp_path)
        pools = "SELECT pool.name FROM worker JOIN work_pool AS pool ON pool.id = worker.work_pool_id"
        assert rows(postgres, "prefect", pools) == ["cpu"]
        assert "pipeline" in rows(postgres, "prefect", "SELECT name FROM flow")
    finally:
        end(server)


def _deploy_and_take_runs(compose: dict[str, Any], root: Path, port: int, folder: Path) -> None:
    """What the stack's `deploy` and `worker-cpu` do, until the worker has started."""
    here: dict[str, Any] = {"root": root, "port": port, "prefect": "http://127.0.0.1:"}
    deploy = started(compose["services"]["deploy"], folder=folder / "deploy", **here)
    until(lambda: deploy.poll() is not None)
    assert deploy.poll() == 0, (folder / "deploy/log").read_text()
    worker = started(compose["services"]["worker-cpu"], folder=folder / "worker", **here)
    try:
        until(lambda: worker.poll() is not None or "started!" in (folder / "worker/log").read_text())
        assert worker.poll() is None, (folder / "worker/log").read_text()
    finally:
        end(worker)


@pytest.mark.slow
def test_mlflow_s_server_of_the_stack_runs_on_postgresql(
    root: Path, compose: dict[str, Any], postgres: int, tmp_path: Path
) -> None:
    if importlib.util.find_spec("psycopg2") is None:
        pytest.skip("psycopg2 is not installed (infra/team.txt)")
    port = free_port()
    service = {**compose["services"]["mlflow"], "environment": {}}
    server = started(service, root, port, tmp_path, postgres=f"@127.0.0.1:{postgres}/", bucket=str(tmp_path))
    try:
        until(lambda: server.poll() is not None or status(port, "/health") == 200)
        assert server.poll() is None, (tmp_path / "log").read_text()[-2000:]

        assert status(port, "/", Host=f"mlflow.{VALUES['EVA_DOMAIN']}") == 200
        assert status(port, "/", Host="evil.example") == 403
        assert len(rows(postgres, "mlflow", TABLES)) > 20
    finally:
        end(server)
