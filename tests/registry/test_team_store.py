"""The registry on the team stack's MLflow server, with a real PostgreSQL and a store that speaks S3."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from tests.cli.conftest import Eva, Outcome, eva, here
from tests.flows.conftest import free_port
from tests.flows.team_stack import end, objects, postgres, rows, started, status, stored, until
from tests.registry.packages import greedy, write_package
from tests.registry.test_registration import MESSAGES, adapter, backbone, direct_answer, workspace

from eva.registry.registration import chat, load
from eva.registry.serving import served

__all__ = ["adapter", "backbone", "eva", "here", "objects", "postgres", "workspace"]

pytestmark = pytest.mark.slow


@pytest.fixture
def team(
    root: Path, postgres: int, objects: str, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """The workspace as the current folder, whose MLflow is the stack's server."""
    pytest.importorskip("psycopg2", reason="psycopg2 is not installed (infra/team.txt)")
    service = yaml.safe_load((root / "infra/compose.yaml").read_text())["services"]["mlflow"]
    port, log = free_port(), workspace.parent / "server"
    log.mkdir()
    server = started(service, root, port, log, postgres=f"@127.0.0.1:{postgres}/", objects=objects)
    try:
        until(lambda: server.poll() is not None or status(port, "/health") == 200)
        assert server.poll() is None, (log / "log").read_text()[-2000:]
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
        monkeypatch.chdir(workspace)
        shutil.copy(root / "params.yaml", workspace / "params.yaml")
        (workspace / "mlflow.db").unlink()
        yield workspace
    finally:
        end(server)


def test_a_model_is_registered_approved_taken_back_and_loaded(
    eva: Eva, team: Path, postgres: int, objects: str, backbone: Path, adapter: Path
) -> None:
    merged, bare = (direct_answer(served(backbone, one, "eva", greedy())) for one in (adapter, None))
    by = ("--by", "Ada", "--why", "read 20 dialogues of it")
    assert "models:/eva-tiny/1 registered; the gate passed it" in _said(eva("registry", "push"))
    assert "models:/eva-tiny/1 is" in _said(eva("registry", "approve", "models:/eva-tiny@challenger", *by))
    write_package(team, "models/model")  # without the adapter
    assert "models:/eva-tiny/2 registered" in _said(eva("registry", "push"))
    assert "models:/eva-tiny/2 is" in _said(eva("registry", "approve", "models:/eva-tiny/2", *by))
    assert chat(load("models:/eva-tiny", team), MESSAGES) == bare != merged
    assert "models:/eva-tiny/1 is" in _said(eva("registry", "rollback", "eva-tiny", *by))
    assert chat(load("models:/eva-tiny", team), MESSAGES) == merged
    assert "log, aliases and files agree" in _said(eva("registry", "verify"))
    assert rows(postgres, "mlflow", "SELECT version FROM model_versions ORDER BY version") == ["1", "2"]
    weights = [one for one in stored(objects) if one.endswith("data/model/model.safetensors")]
    assert len(weights) == 2 and not (team / "mlflow.db").exists() and not (team / "mlruns").exists()


def _said(done: Outcome) -> str:
    assert done.code == 0, done.err
    return done.out
