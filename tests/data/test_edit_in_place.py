"""What people edit in place is theirs alone: the stored version, and what is pushed of it, stays."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[Path]:
    """A DVC repository with this project's configuration and the sample ESConv, imported and pushed."""
    here = tmp_path_factory.mktemp("edited") / "checkout"
    here.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here)
        yield _imported(here, root)


def _imported(here: Path, root: Path) -> Path:
    for words in (["git", "init", "-q"], ["dvc", "init", "-q"]):
        subprocess.run(words, check=True)
    shutil.copy(root / ".dvc" / "config", here / ".dvc" / "config")
    dvc("remote", "add", "--local", "--default", "here", str(here.parent / "remote"))
    words = [sys.executable, "-m", "eva", "data", "import", str(root / "data" / "sample")]
    subprocess.run(words, check=True, env={**os.environ, "PYTHONPATH": str(root / "src")})
    dvc("push")
    return here


def dvc(*words: str) -> str:
    done = subprocess.run([sys.executable, "-m", "dvc", *words], capture_output=True, text=True, check=True)
    return done.stdout


def damaged(folder: Path) -> list[str]:
    """Objects of a store whose content is not what they are named after."""
    found = [path for path in folder.glob("files/md5/??/*") if path.is_file()]
    assert found
    named = {path.parent.name + path.name.removesuffix(".dir"): path for path in found}
    return [name for name, path in named.items() if hashlib.md5(path.read_bytes()).hexdigest() != name]


@pytest.mark.parametrize("linked_anew", [False, True])
def test_an_edit_in_place_is_seen_and_reaches_no_stored_version(checkout: Path, linked_anew: bool) -> None:
    corpus = checkout / "data" / "raw" / "esconv" / "ESConv.json"
    if linked_anew:  # as in a clone after `dvc pull`
        shutil.rmtree(corpus.parent)
        dvc("checkout")
    before = corpus.read_bytes()
    with corpus.open("r+b") as file:
        file.write(b" ")
    changed = dvc("status")
    assert "modified:" in changed and "esconv" in changed
    assert not damaged(checkout / ".dvc" / "cache")
    dvc("push")
    assert not damaged(checkout.parent / "remote")
    dvc("checkout", "--force")
    assert corpus.read_bytes() == before
