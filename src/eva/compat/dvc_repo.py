"""The folders of a DVC repository's objects and the outputs that they belong to, from DVC's own index."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

TRIED = "3.67"


@dataclass(frozen=True)
class Output:
    """One file of an output: md5 of its content, path in the workspace, and its stage or `.dvc` file."""

    md5: str
    path: Path
    stage: str


@dataclass(frozen=True)
class Objects:
    """The folders with the objects, and the files that need them.

    `remote` is None if there is no remote or it is not a folder; `address` names the remote, if any.
    """

    cache: Path
    remote: Path | None
    address: str | None
    outputs: tuple[Output, ...]

    def cached(self, md5: str) -> Path:
        """The path in the cache of the object with this md5; it may not exist."""
        return self.cache / md5[:2] / md5[2:]


def read_objects(root: Path) -> Objects | None:
    """The objects of the DVC repository at `root`; None if there is no repository."""
    from dvc.exceptions import NotDvcRepoError  # slow to import
    from dvc.repo import Repo

    try:
        with Repo(str(root)) as repo:
            cache = Path(repo.cache.local.path)
            remote, address = _remote(repo)
            return Objects(cache, remote, address, tuple(_outputs(repo, cache)))
    except NotDvcRepoError:
        return None


def _remote(repo: Any) -> tuple[Path | None, str | None]:
    from dvc.config import NoRemoteError

    try:
        found = repo.cloud.get_remote_odb()
    except NoRemoteError:
        return None, None
    return (Path(found.path) if found.fs.protocol in ("local", "file") else None), str(found.path)


def _outputs(repo: Any, cache: Path) -> Iterator[Output]:
    for out in repo.index.outs:
        value = out.hash_info.value if out.hash_info else None
        if value is None or not out.use_cache:
            continue
        path, stage = Path(out.fs_path), str(out.stage.addressing)
        yield Output(value, path, stage)
        for entry in _listing(cache / value[:2] / value[2:]) if value.endswith(".dir") else ():
            yield Output(entry["md5"], path / entry["relpath"], stage)


def _listing(listed: Path) -> list[dict[str, str]]:
    try:
        entries: list[dict[str, str]] = json.loads(listed.read_bytes())
    except (OSError, ValueError):  # not fetched; or damaged, which is reported for the object itself
        return []
    return entries


def fetch_again(root: Path, stages: list[str]) -> None:
    """Fetch from the remote the objects of these stages that the cache does not have."""
    command = [sys.executable, "-m", "dvc", "fetch", "--quiet", *stages]
    subprocess.run(command, cwd=root, capture_output=True, check=False)


def remote_problem(root: Path, name: str | None = None) -> str | None:
    """Why nothing can be written to a remote of the repository at `root`; None if it works.

    `name` is that of the remote; without it, the default one is meant.
    """
    from dvc.repo import Repo

    try:
        with Repo(str(root)) as repo:
            store = repo.cloud.get_remote_odb(name)
            probe = store.fs.join(store.path, f"probe-{uuid4().hex}")
            store.fs.makedirs(store.path, exist_ok=True)
            store.fs.pipe_file(probe, b"eva")
            store.fs.rm_file(probe)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def run_key(root: Path, stage: str) -> str | None:
    """The key of a stage in DVC's run cache: of its command, inputs and parameters as they are now.

    None for a stage that DVC never restores.
    """
    from dvc.repo import Repo
    from dvc.stage.cache import _can_hash, _get_stage_hash

    with Repo(str(root)) as repo, repo.lock:
        (found,) = repo.stage.collect(stage)
        found.save_deps(allow_missing=False)
        return str(_get_stage_hash(found)) if _can_hash(found) else None
