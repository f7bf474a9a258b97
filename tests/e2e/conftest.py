"""A clone of the working tree in which the smoke DAG runs for real."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.preloaded import preloading

from eva.settings.profiles import profile_text

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Clone:
    """A checkout of its own, with its own DVC cache, remote, MLflow database and checkpoints."""

    root: Path
    beside: Mapping[str, str] = field(default_factory=dict)  # of `tests.preloaded`

    def run(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", *words],
            cwd=self.root,
            env=self.env(),
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(
                f"{' '.join(words)} exited {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
            )
        return done

    def env(self) -> dict[str, str]:
        kept = {
            k: v for k, v in os.environ.items() if not k.startswith(("EVA_", "MLFLOW_", "PREFECT_", "DVC_"))
        }
        path = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}"
        return {
            **kept,
            "PATH": path,
            "PYTHONPATH": "src",
            "OMP_NUM_THREADS": "1",
            "DVC_NO_ANALYTICS": "1",
            "HF_HUB_OFFLINE": "1",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "GX_ANALYTICS_ENABLED": "false",
            **self.beside,
        }

    def repro(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.run("dvc", "repro", *words, check=check)

    def typed(self, line: str, text: str = "") -> str:
        """What a command line prints, typed into a shell; `text` is what is typed into the command."""
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=self.root,
            env=self.env(),
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    def ran(self, *words: str) -> set[str]:
        """Stages that a `dvc repro` with these words ran (or, with --dry, would run)."""
        lines = self.repro(*words).stdout.splitlines()
        return {line.split("'")[1] for line in lines if line.startswith("Running stage")}

    @contextmanager
    def params(self) -> Iterator[dict[str, Any]]:
        """A copy of params.yaml to change and `save`; the file is restored at the end."""
        path = self.root / "params.yaml"
        before = path.read_text()
        try:
            yield yaml.safe_load(before)
        finally:
            path.write_text(before)

    def save(self, params: dict[str, Any]) -> None:
        (self.root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


def make_clone(folder: Path) -> Clone:
    """Copy what git tracks or would track, and commit it with profile `smoke`."""
    listing = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, listing.split("\0")):
        if (ROOT / name).is_file() and not name.startswith("data/raw/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name, follow_symlinks=False)
    (folder / "params.yaml").write_text(profile_text(folder / "profiles", "smoke"))
    (folder / "dvc.lock").unlink(missing_ok=True)
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@example.org"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "smoke"]):
        subprocess.run([*git, *words], cwd=folder, check=True)
    clone = Clone(folder)
    clone.run("dvc", "remote", "add", "--local", "--default", "local", str(folder / ".eva" / "remote"))
    return clone


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """A clone in which the whole smoke DAG has run once."""
    clone = make_clone(tmp_path_factory.mktemp("smoke"))
    with preloading(clone.root, clone.env()) as beside:
        clone = replace(clone, beside=beside)
        clone.repro()
        yield clone
