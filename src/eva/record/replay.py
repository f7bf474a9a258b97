"""Rebuild the MLflow record from the files in `runs/`."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from eva.record import mlflow_store as store
from eva.record import parent, records
from eva.record.checkout import Code
from eva.record.records import Record

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Replayed:
    """How many runs were written into MLflow, and how many it held already."""

    logged: int
    present: int


def replay(root: Path) -> Replayed:
    """Log every recorded run that MLflow lacks; the files get the new run ids.

    A second call logs nothing: a complete run is known by the tag `eva.record`.
    """
    root = root.resolve()
    opened = store.connect(root)
    logged = present = 0
    for record in _known(root):
        if opened.find(record=record.digest):
            present += 1
            continue
        _log(opened, record, root)
        logged += 1
    return Replayed(logged, present)


def _log(opened: store.Store, record: Record, root: Path) -> None:
    above = _parent(opened, record)
    run_id = record.run_id if opened.exists(record.run_id) else None
    if run_id is None:
        run_id = opened.create(record.name, store.run_tags(record, above), store.started_ms(record))
    written = replace(record, run_id=run_id, parent_run_id=above)
    store.write(opened, run_id, written)
    parent.close_parent(opened, above, record.status, store.ended_ms(record))
    _point_files(written, root)
    log.info("logged %s as %s", record.name, run_id)


def _parent(opened: store.Store, record: Record) -> str:
    if record.parent_run_id is not None and opened.exists(record.parent_run_id):
        return record.parent_run_id
    code = Code(record.commit, record.dirty, record.pipeline)
    return parent.find_or_create(opened, code, store.started_ms(record))


def _point_files(record: Record, root: Path) -> None:
    """Update the history file, and the latest record only if it is this very run."""
    latest = records.record_path(root, record.stage, record.item)
    is_latest = latest.is_file() and records.read_record(latest).digest == record.digest
    records.write_record(record, root, latest=is_latest)


def _known(root: Path) -> Iterator[Record]:
    """Every record once: a fresh clone may have the latest ones without the history."""
    seen: set[str] = set()
    latest = [records.read_record(path) for path in records.latest_paths(root)]
    for record in sorted([*records.history(root), *latest], key=lambda entry: entry.started):
        if record.digest not in seen:
            seen.add(record.digest)
            yield record
