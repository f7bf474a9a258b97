"""A clone in which DVC believes that every stage of the laptop profile has run."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

NEEDED = ("verdict.json", "scorecard.json", "reference.json", "measured.json")


@dataclass(frozen=True)
class Clone:
    """A checkout of its own."""

    root: Path

    def dvc(self, *words: str) -> str:
        """Run a DVC command that has to succeed; returns its output."""
        environment = {**os.environ, "DVC_NO_ANALYTICS": "1", "PYTHONPATH": "src"}
        done = subprocess.run(
            [sys.executable, "-m", "dvc", *words],
            cwd=self.root, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def stale(self) -> set[str]:
        """Stages that `dvc status` would run, without their items."""
        return {name.partition("@")[0] for name in json.loads(self.dvc("status", "--json"))}

    def append(self, file: str, text: str) -> None:
        path = self.root / file
        path.write_text(path.read_text() + text)


def copy_checkout(root: Path, folder: Path) -> Clone:
    """What git tracks or would track, links as links, committed."""
    listing = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
    names = subprocess.run(listing, cwd=root, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if (root / name).is_file() and not name.startswith("data/raw/") and name != "dvc.lock":
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, folder / name, follow_symlinks=False)
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@example.org"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "start"]):
        subprocess.run([*git, *words], cwd=folder, check=True)
    return Clone(folder)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Clone:
    """Every out is there, with invented content, and `dvc.lock` names it."""
    clone = copy_checkout(root, tmp_path_factory.mktemp("finished"))
    for out in _outs(clone.root):
        path = clone.root / out
        if path.suffix:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{out}\n")
        else:
            path.mkdir(parents=True, exist_ok=True)
            for name in NEEDED:
                (path / name).write_text(f"{out}/{name}\n")
    clone.dvc("commit", "--force")
    assert clone.stale() == set()
    return clone


def _outs(root: Path) -> list[str]:
    from dvc.repo import Repo

    with Repo(str(root)) as repo:
        found: list[Any] = [out for stage in repo.index.stages for out in stage.outs]
        return sorted(Path(out.fs_path).relative_to(root).as_posix() for out in found)


@pytest.fixture
def params(root: Path) -> dict[str, Any]:
    """The settings of the laptop profile."""
    loaded: dict[str, Any] = yaml.safe_load((root / "params.yaml").read_text())
    return loaded
