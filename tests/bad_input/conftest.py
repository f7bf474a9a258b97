"""A folder in which single stages run as their own processes, and what they may not touch."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.preloaded import preloading

from eva.data import prepare as preparation
from eva.models.backbones import materialise
from eva.settings.backbones_section import Backbone
from eva.settings.params_file import read_settings
from eva.settings.profiles import profile_text

# Where a stage records that it ran and failed: `eva runs` and MLflow show failures on purpose.
AXES = ("corpus", "backbone", "seed", "variant", "mechanism")
_RECORDS = ("runs", ".eva/locks")


@dataclass(frozen=True)
class Checkout:
    """A working folder with params.yaml and data; the code is the repository's."""

    path: Path
    repository: Path
    beside: Mapping[str, str] = field(default_factory=dict)  # of `tests.preloaded`

    def edit(self, **changes: Any) -> None:
        """Set keys of params.yaml, `section__key=value`."""
        params = yaml.safe_load((self.path / "params.yaml").read_text())
        for key, value in changes.items():
            *sections, name = key.split("__")
            table = params
            for section in sections:
                table = table[section]
            table[name] = value
        (self.path / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))

    def run(self, module: str, *words: object) -> subprocess.CompletedProcess[str]:
        """`python -m module words…` in this folder."""
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join([str(self.repository / "src"), str(self.repository)]),
            "MLFLOW_TRACKING_URI": "absent://",  # a stage goes on without; a database would take seconds
            "EVA_CHECKPOINTS": str(self.path / "checkpoints"),
            "HF_HUB_OFFLINE": "1",
            **self.beside,
        }
        return subprocess.run(
            [sys.executable, "-m", module, *map(str, words)],
            cwd=self.path, env=environment, capture_output=True, text=True, timeout=300,
        )  # fmt: skip

    def stage(self, name: str, /, **arguments: object) -> subprocess.CompletedProcess[str]:
        """Run a stage; what is an axis of its item is told from its paths by name."""
        item = "-".join(str(arguments.pop(axis)) for axis in AXES if axis in arguments)
        words = (word for key, value in arguments.items() for word in (f"--{key}", value))
        return self.run("pipelines", name, *filter(None, [item]), *words)

    def refusal(self, stage: str, **arguments: object) -> str:
        """Run a stage that has to refuse; its message, after checking that it changed no file."""
        for out in (arguments[name] for name in ("out", "metrics", "plots") if name in arguments):
            self._leave_earlier_result(self.path / str(out))
        before = self.files()
        done = self.stage(stage, **arguments)
        assert done.returncode == 2, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        assert done.stderr.count(f"{stage} failed: ") == 1
        assert self.files() == before
        return done.stderr.partition(f"{stage} failed: ")[2]

    def files(self) -> dict[str, str]:
        """sha256 of every file by name, but for the record of runs."""
        names = {
            path.relative_to(self.path).as_posix(): path for path in self.path.rglob("*") if path.is_file()
        }
        return {
            name: hashlib.sha256(path.read_bytes()).hexdigest()
            for name, path in names.items()
            if not name.startswith(_RECORDS)
        }

    @staticmethod
    def _leave_earlier_result(path: Path) -> None:
        """What an earlier good run left, which a refusal must not spoil."""
        target = path if path.suffix else path / "earlier"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("the result of an earlier run")


@pytest.fixture(scope="session")
def beside(root: Path) -> Iterator[Mapping[str, str]]:
    """Stages are forks of a process that has the libraries, as in `make run`."""
    with preloading(root, {**os.environ, "PYTHONPATH": "src"}) as variable:
        yield variable


@pytest.fixture
def checkout(tmp_path: Path, root: Path, beside: Mapping[str, str]) -> Checkout:
    """The smoke profile and a copy of the sample corpus."""
    (tmp_path / "params.yaml").write_text(profile_text(root / "profiles", "smoke"))
    shutil.copytree(root / "data" / "sample", tmp_path / "data" / "sample")
    for name in ("mlflow", "plugins"):
        shutil.copytree(root / name, tmp_path / name)
    return Checkout(tmp_path, root, beside)


@pytest.fixture
def prepared(checkout: Checkout) -> Path:
    """The sample ESConv corpus as `prepare` leaves it; relative to the checkout."""
    settings = read_settings(checkout.path / "params.yaml")
    row = settings.corpora["esconv"]
    corpus = row.model_copy(update={"path": checkout.path / row.path})
    folder = Path("data/prepared/esconv")
    preparation.write(preparation.prepare("esconv", corpus, settings.prepare), checkout.path / folder)
    return folder


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama as `backbone` leaves it."""
    folder = tmp_path_factory.mktemp("backbone") / "tiny_llama"
    materialise("tiny_llama", Backbone(role="causal", source="random", id="llama"), folder)
    return folder


@pytest.fixture
def unloadable(tiny: Path, checkout: Checkout) -> Path:
    """The same, its weights damaged: whoever loads the model before checking its input fails on them."""
    folder = checkout.path / "models" / "backbone" / "tiny_llama"
    shutil.copytree(tiny, folder)
    (folder / "model.safetensors").write_bytes(b"not weights")
    return folder
