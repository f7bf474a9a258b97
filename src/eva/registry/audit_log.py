"""The append-only log of all that was done to a registry: one line per act, each with the hash of the last.

`.eva/registry/audit.jsonl` in the main checkout; the registry has a copy, so that every checkout that uses
it continues one log. Changing, deleting or reordering lines breaks the chain, and a shorter file is seen by
the copy; `eva registry verify` says so.
"""

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from eva.artifacts import canonical, read_jsonl
from eva.errors import InputError
from eva.record import mlflow_store as store
from eva.record.checkout import lock, main_checkout

_NAME = "audit.jsonl"
_KIND = "registry audit"
_HEAD = "eva.audit.head"
_START = "0" * 64

Row = dict[str, Any]


def registry_lock(root: Path) -> AbstractContextManager[None]:
    """A lock between processes, held while versions are made, aliases moved and acts logged."""
    return lock(root, "registry", 3600)


def log_path(root: Path) -> Path:
    """The file of the log of this checkout."""
    return main_checkout(root) / ".eva" / "registry" / _NAME


def append(opened: store.Store, root: Path, act: str, name: str, version: str, **facts: Any) -> Row:
    """Add one act; the registry's lock must be held.

    Raises:
        InputError: the log was changed, here or in the registry.
    """
    rows = current(opened, root)
    row = {
        "number": len(rows) + 1,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "act": act,
        "model": name,
        "version": version,
        **facts,
        "previous": rows[-1]["hash"] if rows else _START,
    }
    row["hash"] = _hash(row)
    _write_line(log_path(root), row)
    _publish(opened, log_path(root), row["hash"])
    return row


def current(opened: store.Store, root: Path) -> list[Row]:
    """The log, with what other checkouts have added to the copy; `InputError` if it was changed."""
    here, there = _read(log_path(root)), _fetch(opened)
    for rows, where in ((here, str(log_path(root))), (there, f"the copy in {opened.address}")):
        if fault := chain_fault(rows):
            raise InputError(f"{where}: {fault}; keep the file as evidence, and restore it from a backup")
    shorter = min(len(here), len(there))
    if here[:shorter] != there[:shorter]:
        raise InputError(
            f"{log_path(root)} and the copy in {opened.address} tell different stories from line "
            f"{_first_difference(here, there)} on: one of them was changed, or is of another registry"
        )
    for row in there[shorter:]:
        _write_line(log_path(root), row)
    return max(here, there, key=len)


def chain_fault(rows: Sequence[Row]) -> str | None:
    """What is wrong with the first line that does not follow from the lines before it, or None."""
    previous = _START
    for number, row in enumerate(rows, start=1):
        if row.get("number") != number or row.get("previous") != previous:
            return f"line {number} does not follow line {number - 1}: lines were removed, added or moved"
        if row.get("hash") != _hash(row):
            return f"line {number} was changed after it was written"
        previous = row["hash"]
    return None


def champions(rows: Sequence[Row], name: str) -> list[str]:
    """The versions that were champion, the present one last; a rollback takes away from the end."""
    found: list[str] = []
    for row in rows:
        if row["model"] != name or row["act"] not in {"approve", "promote", "rollback"}:
            continue
        if row["act"] == "rollback":
            found = before(row["version"], found)
        if found[-1:] != [row["version"]]:  # an act that was repeated after an interruption counts once
            found.append(row["version"])
    return found


def before(version: str, former: Sequence[str]) -> list[str]:
    """Of the champions, those before the last time that `version` was one; all of them if it never was."""
    places = [place for place, one in enumerate(former) if one == version]
    return list(former[: places[-1]] if places else former)


def _hash(row: Mapping[str, Any]) -> str:
    told = {key: value for key, value in row.items() if key != "hash"}
    return sha256(canonical(told).encode()).hexdigest()


def _read(path: Path) -> list[Row]:
    return read_jsonl(path) if path.is_file() else []


def _write_line(path: Path, row: Row) -> None:
    """Append one line and wait until the disk has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(canonical(row) + "\n")
        file.flush()
        os.fsync(file.fileno())


def _fetch(opened: store.Store) -> list[Row]:
    run = _run(opened)
    if run is None or _HEAD not in run.data.tags:
        return []
    with tempfile.TemporaryDirectory() as work:
        rows = _read(Path(opened.client.download_artifacts(run.info.run_id, _NAME, work)))
    # Somewhere, not at the end: what ends between the two writes of `_publish` leaves a longer file.
    if run.data.tags[_HEAD] not in [row.get("hash") for row in rows]:
        raise InputError(
            f"the audit log in {opened.address} lacks the line that was last written to it: it was changed"
        )
    return rows


def _publish(opened: store.Store, path: Path, head: str) -> None:
    run = _run(opened)
    run_id = run.info.run_id if run else opened.create(_KIND, {"eva.kind": _KIND})
    opened.client.log_artifact(run_id, str(path))
    opened.client.set_tag(run_id, _HEAD, head)
    opened.client.set_terminated(run_id)


def _run(opened: store.Store) -> Any | None:
    found = opened.find(kind=_KIND)
    return found[0] if found else None


def _first_difference(here: Sequence[Row], there: Sequence[Row]) -> int:
    pairs: Iterator[tuple[Row, Row]] = zip(here, there, strict=False)
    return next(number for number, (one, other) in enumerate(pairs, start=1) if one != other)
