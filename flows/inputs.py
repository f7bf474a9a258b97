"""Bringing the inputs of a stage to a host that has none of them; every file is checked before it is used."""

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from eva.compat.dvc_repo import Objects, Output, read_objects
from eva.integrity.dvc_objects import content_md5
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
    """The paths that a stage reads and that DVC has to bring: outputs of other stages and added data.

    Where it reads a folder in which several stages have outputs, these are named: DVC brings no such folder.
    """
    from dvc.repo import Repo  # slow to import

    with Repo(str(root)) as repo:
        outs = [Path(out.fs_path) for out in repo.index.outs]
        stages = (found for found in repo.index.stages if not found.is_data_source)
        (chosen,) = (found for found in stages if stage_name(found) == stage)
        deps = {Path(dep.fs_path) for dep in chosen.deps}
    brought = {out if dep in out.parents else dep for dep in deps for out in outs if overlap(out, dep)}
    return sorted(os.path.relpath(path, root) for path in brought)


def _forget(root: Path, damaged: Iterable[Output]) -> None:
    found = read_objects(root)
    for output in damaged:
        if output.path.is_dir():
            shutil.rmtree(output.path)
        else:
            output.path.unlink(missing_ok=True)
        if found:
            found.cached(output.md5).unlink(missing_ok=True)


def _damaged(root: Path, paths: Iterable[str]) -> list[Output]:
    wanted = [root / path for path in paths]
    found = read_objects(root)
    if found is None:
        return []
    read = [o for o in found.outputs if any(overlap(o.path, path) for path in wanted)]
    return [o for o in read if _is_damaged(o, found)]


def _is_damaged(output: Output, objects: Objects) -> bool:
    """Whether a file, or the list of a folder's files in the cache, which DVC believes, has other content."""
    listed = output.md5.endswith(".dir")
    path = objects.cached(output.md5) if listed else output.path
    return path.is_file() and content_md5(path) != output.md5.removesuffix(".dir")


def _named(root: Path, outputs: Iterable[Output]) -> str:
    return ", ".join(os.path.relpath(output.path, root) for output in outputs)
