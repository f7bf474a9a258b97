"""The manifest of a folder: the size and digest of every file, written last and checked before use.

A folder without a manifest was not written completely; one whose files do not match it was damaged later.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from eva.artifacts import write_json

NAME = "manifest.json"
_CHUNK = 1 << 22

Entry = dict[str, Any]  # of one file: `size` in bytes, and a hex digest under the name of each algorithm


def seal(folder: Path, files: Iterable[Path], algorithms: Sequence[str] = ("sha256",)) -> None:
    """Write the manifest of `files`, which are inside `folder`, as `folder/manifest.json`."""
    write_json(folder / NAME, entries_of(folder, files, algorithms))


def entries_of(
    folder: Path, files: Iterable[Path], algorithms: Sequence[str] = ("sha256",)
) -> dict[str, Entry]:
    """Name below `folder` -> entry of each file."""
    paths = sorted(files)
    with ThreadPoolExecutor() as pool:  # hashing releases the interpreter lock
        entries = list(pool.map(lambda path: _describe(path, algorithms), paths))
    names = [path.relative_to(folder).as_posix() for path in paths]
    return dict(zip(names, entries, strict=True))


def read_manifest(folder: Path) -> dict[str, Entry] | None:
    """Relative file name -> entry; None if there is no manifest or it cannot be read."""
    try:
        entries: dict[str, Entry] = json.loads((folder / NAME).read_text(encoding="utf-8"))
        complete = all({"size", "sha256"} <= entry.keys() for entry in entries.values())
    except (OSError, ValueError, AttributeError):
        return None
    return entries if complete else None


def folder_fault(folder: Path) -> str | None:
    """What is wrong with the first file that does not match the manifest; None if all files match."""
    entries = read_manifest(folder)
    if entries is None:
        return f"it has no readable {NAME}, so it was not written completely"
    with ThreadPoolExecutor() as pool:
        faults = pool.map(lambda item: file_fault(folder / item[0], item[1]), entries.items())
        return next((fault for fault in faults if fault is not None), None)


def file_fault(path: Path, entry: Mapping[str, Any]) -> str | None:
    """How a file differs from its entry in the manifest; None if it does not."""
    if not path.is_file():
        return f"{path.name} is missing"
    if (size := path.stat().st_size) != entry["size"]:
        return f"{path.name} has {size} bytes instead of {entry['size']}"
    if _describe(path, ["sha256"])["sha256"] != entry["sha256"]:
        return f"{path.name} does not match its sha256 digest"
    return None


def _describe(path: Path, algorithms: Sequence[str]) -> Entry:
    digests = {name: hashlib.new(name, usedforsecurity=False) for name in algorithms}
    size = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            size += len(chunk)
            for digest in digests.values():
                digest.update(chunk)
    return {"size": size, **{name: digest.hexdigest() for name, digest in digests.items()}}
