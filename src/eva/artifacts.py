"""Reading and writing files so that nothing is ever half-written, and naming content by digest.

Every writer here writes to a temporary name in the same folder and renames: a reader sees the
old content or the new, never a part of it.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from eva.errors import InputError

_CHUNK = 1 << 22


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spare blanks: equal values give equal text."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)


def fingerprint(value: Any) -> str:
    """Sixteen hex digits that name `value` (anything JSON can hold)."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()[:16]


def digest_file(path: Path) -> str:
    """sha256 of a file's bytes, as hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def digest_path(path: Path) -> str:
    """sha256 of a file, or of a folder's relative names and contents, as hex."""
    if path.is_file():
        return digest_file(path)
    if not path.is_dir():
        raise FileNotFoundError(f"{path}: no such file or folder, so it has no digest")
    names = sorted(p for p in path.rglob("*") if p.is_file())
    listing = [(p.relative_to(path).as_posix(), digest_file(p)) for p in names]
    return hashlib.sha256(canonical(listing).encode()).hexdigest()


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` in one step; parents are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON with sorted keys (so that equal content has equal bytes)."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def write_jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> int:
    """Write one JSON object a line; returns how many."""
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    write_text(path, "".join(f"{line}\n" for line in lines))
    return len(lines)


def read_json(path: Path) -> Any:
    """Parse a JSON file; an `InputError` names the file, line and column of a fault."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except json.JSONDecodeError as error:
        raise InputError(
            f"{path}: not valid JSON at line {error.lineno}, column {error.colno} ({error.msg}); "
            "the file may be truncated: fetch or copy it again"
        ) from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 at byte {error.start}; convert the file to UTF-8") from None


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """All rows of a JSON-lines file; an `InputError` lists every line that does not parse."""
    rows, problems = [], []
    for number, line in numbered_lines(path):
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError as error:
            problems.append(f"line {number}: not JSON ({error.msg} at column {error.colno})")
    if problems:
        raise InputError("\n  - ".join([f"{path}: {len(problems)} bad line(s)", *problems[:20]]))
    return rows


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The non-blank lines of a UTF-8 file with their numbers, from 1."""
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, line.rstrip("\n")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 at byte {error.start}; convert the file to UTF-8") from None


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes `path` when the block ends without an error.

    An existing `path` is replaced only then; on an error nothing changes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    temporary.chmod(0o755)
    try:
        yield temporary
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    if path.is_dir():
        shutil.rmtree(path)
    temporary.replace(path)


def require_room(path: Path, needed: int) -> None:
    """Refuse to start writing `needed` bytes below `path` when the disk has not that much left."""
    place = next(parent for parent in [path, *path.parents] if parent.exists())
    free = shutil.disk_usage(place).free
    if free < needed:
        raise InputError(
            f"{path}: writing here needs {needed / 1e9:.2f} GB and {free / 1e9:.2f} GB are free; "
            "make room (`make clean`, `dvc gc -w`) or point EVA_CHECKPOINTS at a larger disk"
        )
