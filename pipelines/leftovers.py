"""Removal of outputs of other settings from shared folders: `python -m pipelines.leftovers`.

`report` depends on the whole folder `scores/`, because DVC cannot list the items of a matrix. After a
change of profile or matrix, outputs of the former settings are still there; they would make `report` run
again when one returns to these settings, although it does not read them. Their content is in DVC's cache,
so `dvc repro` restores them without running anything as soon as their settings are back.
"""

import hashlib
import sys
from pathlib import Path
from typing import Any

import yaml


def leftovers(repo: Any) -> list[Path]:
    """The files in folders with outputs of several stages that are not an output of the present DAG.

    Args:
        repo: an open `dvc.repo.Repo`.
    """
    stages = [stage for stage in repo.index.stages if not stage.is_data_source]
    outs = {Path(out.fs_path) for stage in stages for out in stage.outs}
    above = {parent for out in outs for parent in out.parents}
    shared = {Path(dep.fs_path) for stage in stages for dep in stage.deps} & above
    files = {path for folder in shared for path in folder.rglob("*") if path.is_file()}
    return sorted(path for path in files if not outs & {path, *path.parents})


def take_out(root: Path) -> tuple[list[Path], list[Path]]:
    """Remove the leftovers that DVC can restore; returns the removed and the remaining files."""
    from dvc.repo import Repo  # slow to import

    with Repo(str(root)) as repo:
        held = _held(root / "dvc.lock")
        removed, kept = [], []
        for path in leftovers(repo):
            digest = held.get(path.relative_to(root).as_posix())
            same = digest is not None and digest == hashlib.md5(path.read_bytes()).hexdigest()  # noqa: S324
            if same and Path(repo.cache.local.oid_to_path(digest)).is_file():
                path.unlink()
                removed.append(path)
            else:
                kept.append(path)
    return removed, kept


def _held(lock: Path) -> dict[str, str]:
    """Path -> md5 of every output in `dvc.lock`, which also keeps those of former settings."""
    if not lock.is_file():
        return {}
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    stages = yaml.load(lock.read_text(encoding="utf-8"), loader)["stages"]  # noqa: S506
    return {out["path"]: out.get("md5", "") for stage in stages.values() for out in stage.get("outs", [])}


def main() -> None:
    """Remove the leftovers, and print what was removed and what was not."""
    root = Path.cwd()
    removed, kept = take_out(root)
    lines = [
        f"{path.relative_to(root)}: from other settings, but kept, because it is not in DVC's cache"
        for path in kept
    ]
    if removed:
        lines.append(
            f"{len(removed)} files from other settings removed; `dvc repro` with those settings restores them"
        )
    sys.stdout.write("".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    main()
