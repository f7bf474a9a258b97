"""Comparing an exported folder with its manifest, and a base with what its adapter needs."""

from collections.abc import Iterator
from pathlib import Path

from eva.artifacts import read_json
from eva.errors import InputError, raise_if
from eva.manifest import NAME, Entry, file_fault, read_manifest

ABOUT = "export.json"


def check_export(folder: Path, base: Path | None = None) -> int:
    """The number of files that match; `InputError` lists all that are missing, damaged or added.

    With `base`, the files of the base that an exported adapter needs are compared too.
    """
    entries = _entries(folder)
    raise_if(_faults(folder, entries), str(folder))
    if base is None:
        return len(entries)
    needed = read_json(folder / ABOUT).get("base")
    if needed is None:
        raise InputError(f"--base {base}: {folder} is no adapter, so it needs no base; leave it out")
    raise_if(_misfits(base, needed["files"]), f"{base} (the base of {folder})")
    return len(entries) + len(needed["files"])


def _entries(folder: Path) -> dict[str, Entry]:
    entries = read_manifest(folder)
    if entries is None or ABOUT not in entries:
        raise InputError(f"{folder}: no folder that `eva export` wrote: it has no readable {NAME} of one")
    return entries


def _faults(folder: Path, entries: dict[str, Entry]) -> Iterator[str]:
    yield from _misfits(folder, entries)
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            yield f"{name} is a link, which could lead anywhere"
        elif path.is_file() and name not in entries and name != NAME:
            yield f"{name} was added after the export"


def _misfits(folder: Path, entries: dict[str, Entry]) -> Iterator[str]:
    yield from filter(None, (file_fault(folder / name, entry) for name, entry in entries.items()))
