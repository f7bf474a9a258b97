"""A checkout of its own with a real SQLite MLflow, for every test."""

import subprocess
from pathlib import Path

import pytest

from eva.record import mlflow_store as store


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow makes its tables once; tests start from a copy."""
    root = tmp_path_factory.mktemp("database")
    store.quiet()
    from mlflow.tracking import MlflowClient

    MlflowClient(f"sqlite:///{root}/mlflow.db").search_experiments()
    return root / "mlflow.db"


def make_bare(root: Path) -> Path:
    """A git checkout with one committed input and no MLflow yet."""
    (root / "src").mkdir(parents=True)
    (root / "src" / "model.py").write_text("x = 1\n")
    (root / "params.yaml").write_text("sft: {lr: 1.0e-5}\n")
    (root / "corpus.jsonl").write_text("{}\n")
    for words in (["init", "-q"], ["add", "src", "params.yaml"], ["commit", "-qm", "start"]):
        name = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        subprocess.run(["git", *name, *words], cwd=root, check=True)
    return root


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`make_bare`, away from a record of the user's."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("EVA_PARENT_RUN_ID", raising=False)
    return make_bare(tmp_path / "checkout")


@pytest.fixture
def checkout(bare: Path, empty_database: Path) -> Path:
    """`bare` with the tables of MLflow made."""
    (bare / "mlflow.db").write_bytes(empty_database.read_bytes())
    return bare
