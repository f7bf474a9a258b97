"""A clone of this checkout with the real corpora, in which a study runs the stages as a user would.

Everything that is made stays in it: a study that is started again continues there.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from eva.errors import InputError
from eva.settings.profiles import profile_text

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Checkout:
    """The clone at `root`; `env` is added to the environment of every command."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)

    @classmethod
    def at(cls, root: Path, corpora: Path) -> "Checkout":
        """Clone what is committed here, unless that was done already, and import `corpora` there."""
        if not root.exists():
            root.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["git", "clone", "-q", str(ROOT), str(root)], check=True)
        made = cls(root.resolve())
        (made.root / "params.yaml").write_text(profile_text(made.root / "profiles", "study"))
        if not (made.root / "data/raw/esconv").exists():
            made.run("eva", "data", "import", str(corpora.resolve()))
        made.run("dvc", "remote", "add", "-f", "--local", "-d", "local", str(made.root / ".eva/remote"))
        return made

    def run(self, module: str, *words: str) -> str:
        """What `python -m module words` prints; `InputError` with its last words where it fails."""
        command = [sys.executable, "-m", module, *words]
        env = {**os.environ, "PYTHONPATH": "src", "DVC_NO_ANALYTICS": "1", **self.env}
        done = subprocess.run(command, cwd=self.root, env=env, text=True, capture_output=True, check=False)
        if done.returncode:
            told = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
            raise InputError("\n".join([f"{module} {' '.join(words)}: exit {done.returncode}", *told[-12:]]))
        return done.stdout

    def repro(self, *stages: str) -> str:
        """Bring stages up to date."""
        return self.run("dvc", "repro", *stages)

    def set(self, settings: Mapping[str, Mapping[str, Any]]) -> None:
        """Change keys of sections in params.yaml."""
        path = self.root / "params.yaml"
        params = yaml.safe_load(path.read_text())
        for section, values in settings.items():
            params[section] = {**(params[section] or {}), **values}
        path.write_text(yaml.safe_dump(params, sort_keys=False))

    def read(self, name: str) -> Any:
        """The value of a JSON file."""
        return json.loads((self.root / name).read_text())

    def made_by(self, script: str) -> str:
        """By what, when and from which commit tables were made."""
        words = ["git", "rev-parse", "--short", "HEAD"]
        done = subprocess.run(words, cwd=self.root, text=True, capture_output=True, check=True)
        today = datetime.now(UTC)
        return f"Made by `docs/studies/{script}` on {today:%Y-%m-%d} from commit {done.stdout.strip()}"
