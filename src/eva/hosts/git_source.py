"""A commit of the project from a git remote: one mirror a host, and a clone of it for every flow run."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eva.errors import InputError

# No question at a terminal: nobody sits at a worker.
_UNATTENDED = {"GIT_TERMINAL_PROMPT": "0", "GIT_SSH_COMMAND": "ssh -o BatchMode=yes"}
_REFS = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*", "+refs/eva/*:refs/eva/*")


def git(folder: Path, *words: str, **variables: str) -> str:
    """What a git command says.

    Raises:
        InputError: it failed, or git is not installed; the message has git's own words.
    """
    environment = {**_UNATTENDED, **os.environ, **variables}
    try:
        done = subprocess.run(
            ["git", *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise InputError("git is not installed on this host; install it") from None
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise InputError("\n".join([f"`git {words[0]}` failed in {folder}:", *(f"  {s}" for s in said[-6:])]))
    return done.stdout


def shown(url: str) -> str:
    """A remote's address without the user and password that it may hold."""
    return re.sub(r"//[^/@]*@", "//", url)


def mirror(url: str, home: Path) -> Path:
    """The bare repository on this host that holds the branches of `url` and the commits of pipeline runs."""
    folder = home / "git" / hashlib.sha256(url.encode()).hexdigest()[:16]
    with exclusive(folder.with_suffix(".lock")):
        if not (folder / "HEAD").is_file():
            folder.mkdir(parents=True, exist_ok=True)
            git(folder, "init", "--quiet", "--bare")
        try:
            git(folder, "fetch", "--quiet", "--prune", url, *_REFS)
        except InputError as error:
            raise InputError(
                f"the git remote {shown(url)} cannot be read from this host:\n{error}"
            ) from error
    return folder


def first_commit(repository: Path, commit: str) -> str:
    """The commit with which the history of `commit` began: it tells one project from another.

    Raises:
        InputError: the history is cut off.
    """
    if git(repository, "rev-parse", "--is-shallow-repository").strip() == "true":
        raise InputError(
            f"{repository} has only a part of the history, by which other hosts know the project; "
            "`git fetch --unshallow` brings the rest"
        )
    return git(repository, "rev-list", "--first-parent", "--max-parents=0", commit).strip()


def require_commit(repository: Path, commit: str, url: str) -> None:
    """Raise an `InputError` if the mirror of `url` lacks `commit`."""
    try:
        git(repository, "cat-file", "-e", f"{commit}^{{commit}}")
    except InputError:
        raise InputError(f"the git remote {shown(url)} has no commit {commit}; push it there") from None


def clone(repository: Path, commit: str, folder: Path) -> None:
    """A clone in `folder` at `commit`, which shares the objects of the mirror."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    git(folder.parent, "clone", "--quiet", "--shared", "--no-checkout", str(repository), str(folder))
    git(folder, "-c", "advice.detachedHead=false", "checkout", "--quiet", "--detach", commit)


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock of this file; waits while another process of this host holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
