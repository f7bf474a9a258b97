"""What killed processes left half-written: in the stores, in the checkout, and in DVC's cache."""

import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from eva.artifacts import PARTIAL, REPLACED, is_abandoned
from eva.storage.inventory import UNDER_WAY, Stored

_OLD = 3600.0  # seconds; DVC copies one file in less, and says nowhere which process does


def half_written(root: Path, stores: Iterable[Path], cache: Path | None) -> Iterator[Stored]:
    """Half-written files and folders of the checkout `root`, of `stores` and of DVC's `cache`."""
    shown = [path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")]
    everywhere = {path for folder in (*shown, *stores) for path in folder.rglob(".*") if _is_ours(path)}
    for path in sorted({*everywhere, *filter(_is_ours, root.glob(".*"))}):
        yield _leftover(path, _name(path), _kept(path))
    for path in sorted((cache / "files" / "md5").glob("??/.*.tmp")) if cache else ():
        with suppress(FileNotFoundError):  # renamed meanwhile
            old = time.time() - path.stat().st_mtime > _OLD
            yield _leftover(path, "an object of DVC's cache", None if old else UNDER_WAY)


def _is_ours(path: Path) -> bool:
    return path.name.startswith(".") and path.name.endswith((PARTIAL, REPLACED))


def _name(path: Path) -> str:
    """Of what `.NAME.RANDOM.partial` is a part."""
    return path.name[1:].rsplit(".", 2)[0]


def _kept(path: Path) -> str | None:
    """Why it must stay: somebody writes it, or it was to be replaced and nothing took its place."""
    if path.name.endswith(REPLACED) and not (place := path.with_name(_name(path))).exists():
        return f"it was {place.name}, which is not there: rename it to have it back"
    return None if is_abandoned(path) else UNDER_WAY


def _leftover(path: Path, what: str, kept: str | None) -> Stored:
    files = tuple(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else (path,)
    return Stored("leftover", path, None, f"{what}, half-written by a process that was killed", kept, files)
