import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml


def test_it_holds_no_python_that_would_hide_the_real_mlflow(root: Path) -> None:
    assert not [path for path in (root / "mlflow").rglob("*") if path.suffix in {".py", ".pyc"}]
    assert (root / "mlflow" / "policy.yaml").is_file()


@pytest.mark.slow
def test_server_settings_are_ones_that_the_server_knows(root: Path) -> None:
    from mlflow import environment_variables
    from mlflow.cli import server

    options = {name for option in server.params for name in [option.envvar] if isinstance(name, str)}
    known = options | set(vars(environment_variables)) | {"DO_NOT_TRACK"}
    lines = (root / "mlflow" / "server.env").read_text().splitlines()
    names = {line.split("=")[0] for line in lines if line and not line.startswith("#")}
    assert names <= known and "MLFLOW_BACKEND_STORE_URI" in names


@pytest.mark.slow
def test_mlproject_runs_its_target_under_its_own_run(root: Path, tmp_path: Path) -> None:
    """`dvc` stands in as a script here: what it is called with is what matters."""
    (tmp_path / "mlflow").mkdir()
    (tmp_path / "mlflow" / "MLproject").write_text((root / "mlflow" / "MLproject").read_text())
    fake = tmp_path / "bin" / "dvc"
    fake.parent.mkdir()
    fake.write_text('#!/bin/sh\necho "$@ in $PWD under $EVA_PARENT_RUN_ID" > called\n')
    fake.chmod(0o755)
    tools = Path(sys.executable).parent
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(fake.parent), str(tools), os.environ["PATH"]]),
        "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db",
    }
    command = [tools / "mlflow", "run", "mlflow", "--env-manager", "local", "-P", "target=dpo"]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, timeout=300)
    called = (tmp_path / "called").read_text().split()
    assert called[:5] == ["repro", "dpo", "in", str(tmp_path), "under"] and len(called[5]) == 32
    assert yaml.safe_load((root / "mlflow" / "MLproject").read_text())["name"] == "eva"
