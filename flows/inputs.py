"""Bringing the inputs of a stage to a host that has none of them; every file is checked before it is used."""

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from eva.compat.dvc_repo import Output, read_objects
from flows.dag import stage_name
from flows.handover import overlap
from flows.stage import Children, Log, StageError, pull


def bring(root: Path, stage: str, environment: Mapping[str, str], children: Children, log: Log) -> None:
    """Bring what a stage reads from the DVC remote.

    A damaged object in this host's cache, which DVC takes for whole, is deleted and brought again.

    Raises:
        StageError: an input is not on the remote, or damaged there.
    """
    if not (paths := inputs_of(root, stage)):
        return
    pull(paths, environment, children, log)
    damaged = _damaged(root, paths)
    if not damaged:
        return
    log.warning("damaged in this host's cache, brought again: %s", _named(root, damaged))
    _forget(root, damaged)
    pull(paths, environment, children, log)
    if damaged := _damaged(root, paths):
        raise StageError(f"inputs of {stage} do not match their digests: {_named(root, damaged)}")


def inputs_of(root: Path, stage: str) -> list[str]:
    """The paths that a stage reads and that DVC has to bring: outputs of other stages and added data."""
    from dvc.repo import Repo  # slow to import

    with Repo(str(root)) as repo:
        outs = [Path(out.fs_path) for out in repo.index.outs]
        (chosen,) = (found for found in repo.index.stages if stage_name(found) == stage)
        deps = {Path(dep.fs_path) for dep in chosen.deps}
    brought = (dep for dep in deps if any(overlap(out, dep) for out in outs))
    return sorted(os.path.relpath(path, root) for path in brought)


def _forget(root: Path, damaged: Iterable[Output]) -> None:
    found = read_objects(root)
    for output in damaged:
        output.path.unlink()
        if found:
            (found.cache / output.md5[:2] / output.md5[2:]).unlink(missing_ok=True)


def _damaged(root: Path, paths: Iterable[str]) -> list[Output]:
    wanted = [root / path for path in paths]
    found = read_objects(root)
    files = [o for o in found.outputs if o.path.is_file()] if found else []
    return [o for o in files if any(overlap(o.path, path) for path in wanted) and _md5(o.path) != o.md5]


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _named(root: Path, outputs: Iterable[Output]) -> str:
    return ", ".join(os.path.relpath(output.path, root) for output in outputs)
