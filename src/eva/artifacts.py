"""Atomic reading and writing of files, and digests of their content.

Every function here that writes does so under a temporary name in the same folder and then renames: a
reader sees the old content or the new content, never a part of it.
"""

import fcntl
import glob
import hashlib
import io
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml

from eva.errors import InputError
from eva.plain_text import half_characters, json_value, read_text, refuse

_CHUNK = 1 << 22
# How names end of what is being written, and of what is about to be deleted: a killed process leaves them.
PARTIAL, REPLACED = ".partial", ".replaced"
_YOUNG_FOLDER, _YOUNG_FILE = 60.0, 3600.0  # seconds in which one that nobody holds may still be written


def canonical(value: Any) -> str:
    """`value` as JSON with sorted keys and without spaces, so that equal values give equal text."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)


def fingerprint(value: Any) -> str:
    """The first 16 hex digits of the sha256 of `value` as canonical JSON."""
    return _sha256(canonical(value))[:16]


def digest_file(path: Path) -> str:
    """sha256 of a file's bytes, as hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def digest_path(path: Path) -> str:
    """sha256 of a file, or of a folder's relative file names and their contents, as hex.

    Raises:
        FileNotFoundError: there is no such file or folder.
    """
    if path.is_file():
        return digest_file(path)
    if not path.is_dir():
        raise FileNotFoundError(f"{path}: no such file or folder, so it has no digest")
    names = sorted(p for p in path.rglob("*") if p.is_file())
    listing = [(p.relative_to(path).as_posix(), digest_file(p)) for p in names]
    return _sha256(canonical(listing))


def _sha256(text: str) -> str:
    # Python writes a file name that is not UTF-8 with unpaired surrogates: it gets a digest all the same.
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` atomically; missing parent folders are created."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=PARTIAL)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
        _to_disk(path.parent)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON with sorted keys, atomically; equal values give equal bytes."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def write_jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> int:
    """Write one JSON object per line, atomically; returns the number of lines."""
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    write_text(path, "".join(f"{line}\n" for line in lines))
    return len(lines)


def read_json(path: Path) -> Any:
    """Parse a JSON file; an `InputError` names the file, line and column of every error."""
    value, problems = json_value(read_text(path))
    refuse(problems, path)
    return value


def read_yaml(path: Path, loader: type[yaml.SafeLoader] = yaml.SafeLoader) -> Any:
    """Parse a YAML file; an `InputError` names the file, line and column of the error."""
    text = read_text(path)
    refuse(half_characters(text), path)
    try:
        return yaml.load(text, loader)  # noqa: S506 - a safe loader, by its type
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not valid YAML: {error}") from None


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """All rows of a JSON-lines file; an `InputError` lists every line that does not parse."""
    rows, problems = [], []
    for number, line in numbered_lines(path):
        row, faults = json_value(line)
        rows.append(row)
        problems += [f"line {number}: {fault}" for fault in faults]
    refuse(problems, path)
    return rows


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a text file that are not blank, each with its line number, counted from 1.

    A line ends with LF, CR LF or CR.
    """
    for number, line in enumerate(io.StringIO(read_text(path), newline=None), start=1):
        if line.strip():
            yield number, line.rstrip("\n")


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes `path` when the block ends without an error.

    An existing `path` is replaced only then; on an error nothing changes. What a process that was killed
    while it wrote `path` has left is deleted first.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{glob.escape(path.name)}.*{PARTIAL}"):
        if left.is_dir() and is_abandoned(left):
            shutil.rmtree(left, ignore_errors=True)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=PARTIAL))
    temporary.chmod(0o755)
    try:
        with _held(temporary):
            yield temporary
            for written in [*temporary.rglob("*"), temporary]:
                _to_disk(written)
            _swap(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Lock a folder; the kernel takes the lock back when this process ends, however it ends."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


def is_abandoned(left: Path) -> bool:
    """Whether no process writes a file or folder whose name ends in `PARTIAL` or `REPLACED` any more.

    One that was renamed meanwhile is not abandoned.
    """
    try:
        age = time.time() - left.stat().st_mtime
        if not left.is_dir():
            return age > _YOUNG_FILE
        handle = os.open(left, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # held, or a file system without locks, where nobody can know
        return False
    finally:
        os.close(handle)
    return age > _YOUNG_FOLDER


def _swap(fresh: Path, path: Path) -> None:
    """Rename `fresh` to `path`; the folder that was there is deleted only after that."""
    if not path.is_dir():
        fresh.replace(path)
    else:
        old = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=REPLACED))
        path.replace(old)  # allowed because `old` is an empty folder
        fresh.replace(path)
        shutil.rmtree(old)
    _to_disk(path.parent)


def _to_disk(path: Path) -> None:
    """Call fsync on a file, or on a folder's list of names, so that a power cut does not lose it."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def require_disk_space(path: Path, needed: int) -> None:
    """Raise `InputError` if the disk that holds `path` has fewer than `needed` bytes free."""
    place = next(parent for parent in [path, *path.parents] if parent.exists())
    free = shutil.disk_usage(place).free
    if free < needed:
        raise InputError(
            f"{path}: writing here needs {needed / 1e9:.2f} GB and {free / 1e9:.2f} GB are free; "
            "`eva store prune` shows what can be deleted without loss, and the environment variable "
            "EVA_CHECKPOINTS puts checkpoints on another disk"
        )
