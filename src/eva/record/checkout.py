"""The commit and digest of the code that runs, the main checkout, and the folders of the stores."""

import logging
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from filelock import FileLock

from eva.artifacts import digest_file, fingerprint

log = logging.getLogger(__name__)

# The files, besides data, that determine a result; runs with the same content belong to one pipeline run.
_SOURCES = ("src", "pipelines", "infra", "plugins", "params.yaml", "dvc.yaml")


@dataclass(frozen=True)
class Code:
    """The code and parameters of a run.

    Attributes:
        commit: hash of the git commit; None outside git or before the first commit.
        dirty: whether files differ from the commit.
        digest: of commit, code and parameters, as 16 hex digits.
    """

    commit: str | None
    dirty: bool
    digest: str


def main_checkout(root: Path) -> Path:
    """The checkout of `root`; for a queued experiment's copy under `.dvc/tmp/exps`, the original one."""
    root = root.resolve()
    for folder in root.parents:
        if folder.parts[-3:] == (".dvc", "tmp", "exps"):
            return folder.parents[2]
    return root


def checkpoint_store(root: Path) -> Path:
    """Folder of resumable checkpoints: EVA_CHECKPOINTS, or `.eva/checkpoints` in the main checkout.

    It is not a DVC output, because DVC deletes outputs before a stage runs. Queued experiments share it.
    """
    given = os.environ.get("EVA_CHECKPOINTS")
    return Path(given) if given else main_checkout(root) / ".eva" / "checkpoints"


def answer_store(root: Path) -> Path:
    """Folder of responses from paid endpoints: EVA_ANSWERS, or `.eva/answers` in the main checkout.

    Separate from checkpoints, because what was paid for is deleted only on explicit request.
    """
    given = os.environ.get("EVA_ANSWERS")
    return Path(given) if given else main_checkout(root) / ".eva" / "answers"


@contextmanager
def lock(root: Path, name: str, seconds: float) -> Iterator[None]:
    """A lock between the processes of a checkout and its queued experiments, waited for so long at most."""
    folder = main_checkout(root) / ".eva" / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f"{name}.lock", timeout=seconds):
        yield


def describe_code(root: Path) -> Code:
    """The commit, whether files differ from it, and a digest of commit, code and parameters.

    The digest covers the content of the files, so that different checkouts differ even without git. If
    git cannot give a commit, `commit` is None, and a warning says why.
    """
    contents = [(path.relative_to(root).as_posix(), digest_file(path)) for path in _sources(root)]
    try:
        commit = _commit(root)
        dirty = bool(_git(root, "status", "--porcelain", "--", *_SOURCES))
    except GitError as error:
        _warn_once(f"{root}: no commit is recorded with this run, only a digest of the files: {error}")
        commit, dirty = None, True
    return Code(commit, dirty, fingerprint([commit, contents]))


class GitError(RuntimeError):
    """A git command failed; the message says why and what to do."""


def _sources(root: Path) -> list[Path]:
    """The files below `_SOURCES`, without caches and other files that tools create."""
    found = (path for name in _SOURCES for path in (root / name, *(root / name).rglob("*")))
    return sorted(path for path in found if path.is_file() and not _is_leaving(path.relative_to(root)))


def _is_leaving(path: Path) -> bool:
    return any(part.startswith((".", "__pycache__")) or part.endswith(".egg-info") for part in path.parts)


def _commit(root: Path) -> str:
    top = _git(root, "rev-parse", "--show-toplevel")
    if not _git(root, "ls-files", "--", *_SOURCES):
        raise GitError(f"the git repository {top} tracks no file of this folder; `git init` and commit here")
    try:
        return _git(root, "rev-parse", "--verify", "HEAD")
    except GitError:
        raise GitError("git has no commit yet; `git commit` makes results traceable") from None


def _git(root: Path, *words: str) -> str:
    try:
        done = subprocess.run(["git", *words], cwd=root, capture_output=True, check=False)
    except OSError as error:
        raise GitError(f"git cannot be run ({error.strerror}); install it") from None
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise GitError(_explained(root, next(iter(said), f"git {words[0]} ended with {done.returncode}")))
    return done.stdout.decode(errors="replace").strip()


def _explained(root: Path, fault: str) -> str:
    if "dubious ownership" in fault:
        return (
            "git does not trust a folder that another user owns; if you trust it, run "
            f"`git config --global --add safe.directory {root}`"
        )
    return fault


@lru_cache
def _warn_once(text: str) -> None:
    log.warning(text)
