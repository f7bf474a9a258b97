"""Two different checkouts never share an identity, whatever git can say about them."""

import logging
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from eva.record import checkout
from eva.record.checkout import describe_code


@pytest.fixture(autouse=True)
def _warnings_anew() -> None:
    checkout._warn_once.cache_clear()


def git(root: Path, *words: str) -> None:
    name = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", *name, *words], cwd=root, check=True, capture_output=True)


def _no_program(root: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("PATH", str(root / "nowhere"))


def _another_user(root: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")  # git's own switch for its tests
    patch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    patch.setenv("GIT_CONFIG_SYSTEM", os.devnull)


def _no_repository(root: Path, patch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(root / ".git")


def _no_commit(root: Path, patch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(root / ".git")
    git(root, "init", "-q")


def _damaged(root: Path, patch: pytest.MonkeyPatch) -> None:
    (root / ".git" / "HEAD").write_text("gone")


def _inside_another(root: Path, patch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(root / ".git")
    (root.parent / ".gitignore").write_text(f"{root.name}/\n")
    git(root.parent, "init", "-q")
    git(root.parent, "add", ".gitignore")
    git(root.parent, "commit", "-qm", "outer")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_no_program, "git cannot be run"),
        (_another_user, "safe.directory"),
        (_no_repository, "not a git repository"),
        (_no_commit, "tracks no file of this folder"),
        (_damaged, "not a git repository"),
        (_inside_another, "tracks no file of this folder"),
    ],
)
def test_without_an_answer_of_git_the_files_are_the_identity(
    bare: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    spoil: Callable[[Path, pytest.MonkeyPatch], None],
    said: str,
) -> None:
    known = describe_code(bare)
    assert known.commit and not known.dirty
    spoil(bare, monkeypatch)
    with caplog.at_level(logging.WARNING):
        first = describe_code(bare)
        assert describe_code(bare) == first
        (bare / "src" / "model.py").write_text("x = 2\n")
        second = describe_code(bare)
    assert (first.commit, first.dirty) == (None, True)
    assert len({known.digest, first.digest, second.digest}) == 3
    (warning,) = caplog.records
    assert said in warning.message and "only a digest of the files" in warning.message


def test_added_but_not_committed(bare: Path, caplog: pytest.LogCaptureFixture) -> None:
    shutil.rmtree(bare / ".git")
    git(bare, "init", "-q")
    git(bare, "add", ".")
    assert describe_code(bare).commit is None
    assert "no commit yet" in caplog.text


def test_every_source_counts_and_no_leaving_does(bare: Path) -> None:
    def edited(name: str) -> str:
        (bare / name).parent.mkdir(parents=True, exist_ok=True)
        (bare / name).write_text(name)
        return describe_code(bare).digest

    before = describe_code(bare).digest
    for name in ("src/__pycache__/a.pyc", "src/eva.egg-info/PKG", "src/.cache/x", "README.md"):
        assert edited(name) == before
    digests = [edited(name) for name in ("src/b.py", "pipelines/c.py", "infra/d.yaml", "dvc.yaml")]
    assert len({before, *digests}) == 5


def test_a_checkout_in_a_folder_of_a_repository(bare: Path, caplog: pytest.LogCaptureFixture) -> None:
    inner = bare / "project"
    shutil.copytree(bare / "src", inner / "src")
    git(bare, "add", "project")
    git(bare, "commit", "-qm", "inner")
    assert describe_code(inner).commit
    assert not caplog.records
