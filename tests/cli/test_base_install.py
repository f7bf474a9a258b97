"""`pip install eva-mlops` without extras: what it can do, and what it says where an extra is missing."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from tests.cli.conftest import row, write_rows

pytestmark = pytest.mark.slow

RUN = "import sys; from eva.cli import main; sys.argv[0] = 'eva'; main()"
EXTRAS = ("deepspeed", "prefect", "dvc", "great_expectations", "mlflow", "trl", "datasets", "openai")


def _closure(names: list[str]) -> set[str]:
    """The distributions that these requirements bring, themselves included."""
    found: set[str] = set()
    waiting = [Requirement(name) for name in names]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name in found or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        found.add(name)
        waiting += [Requirement(line) for line in importlib.metadata.requires(name) or []]
    return found


@pytest.fixture(scope="module")
def base(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site-packages folder that links only what the requirements without extras bring."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    folder = tmp_path_factory.mktemp("base") / "site-packages"
    folder.mkdir()
    for name in _closure(project["dependencies"]) | {"eva-mlops"}:
        distribution = importlib.metadata.distribution(name)
        for top in {Path(file).parts[0] for file in distribution.files or []} - {"..", "__pycache__"}:
            if not (folder / top).exists():
                (folder / top).symlink_to(Path(str(distribution.locate_file(top))))
    (folder / "eva").symlink_to(root / "src" / "eva")
    return folder


def _eva(base: Path, here: Path, *words: object, code: str = RUN) -> subprocess.CompletedProcess[str]:
    """Run the command on the interpreter below the virtual environment, which has none of its packages."""
    python = Path(sys.base_prefix) / "bin" / Path(os.path.realpath(sys.executable)).name
    command = [str(python), "-S", "-s", "-c", code, *map(str, words)]
    environment = {**os.environ, "PYTHONPATH": str(base)}
    return subprocess.run(command, cwd=here, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", EXTRAS)
def test_no_extra_is_there(base: Path, tmp_path: Path, name: str) -> None:
    done = _eva(base, tmp_path, code=f"import {name}")
    assert f"No module named '{name}'" in done.stderr


def test_score_with_scorers(base: Path, tmp_path: Path, trained: Path) -> None:
    shutil.copytree(trained, tmp_path / "models")
    file = write_rows(tmp_path / "ours.jsonl", [row(name, turn) for name in "ab" for turn in (1, 2)])
    done = _eva(base, tmp_path, "score", file, "--baseline", file, "--json", "out.json")
    assert done.returncode == 0, done.stderr
    assert "left out" not in done.stderr
    for metric in ("bleu_2", "epitome/er", "evaeval/avg"):
        assert metric in done.stdout


def test_params_are_checked(base: Path, root: Path) -> None:
    """All but the packages that bring the weights, which the base does not install, is fine."""
    done = _eva(base, root, "params", "check")
    problems = [line for line in done.stderr.splitlines() if line.startswith("  - ")]
    assert done.returncode == 2
    assert len(problems) == 2
    assert all("is not installed; `make setup` does it" in line for line in problems)


@pytest.mark.parametrize(
    ("words", "extra"),
    [
        (("chat", "hello"), "mlflow"),
        (("runs", "replay"), "mlflow"),
        (("score", "ours.jsonl", "--scorers", "models:/x/1"), "mlflow"),
    ],
)
def test_a_missing_extra_is_named(
    base: Path, root: Path, tmp_path: Path, words: tuple[str, ...], extra: str
) -> None:
    write_rows(tmp_path / "ours.jsonl", [row()])
    shutil.copy(root / "params.yaml", tmp_path)
    done = _eva(base, tmp_path, *words)
    assert "Traceback" not in done.stderr
    assert done.returncode == 2
    assert f"pip install 'eva-mlops[{extra}]'" in done.stderr
