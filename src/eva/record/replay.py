"""Writing recorded runs into MLflow: those still pending, or all that MLflow does not have."""

import logging
from dataclasses import dataclass
from pathlib import Path

from eva.record import mlflow_store as store
from eva.record import parent, records
from eva.record.checkout import lock
from eva.record.known_runs import all_records
from eva.record.records import Record

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Replayed:
    """How many runs were written into MLflow, and how many it already had."""

    logged: int
    present: int


def replay(root: Path) -> Replayed:
    """Log every recorded run that MLflow does not have, from the history and the stage outputs in `runs/`.

    A second call logs nothing, because complete runs are recognised by the tag `eva.record`.

    Raises:
        InputError: MLflow cannot be reached or used; what was not logged stays pending.
    """
    root = root.resolve()
    known = all_records(root)
    with store.needed(root):
        return _log_missing(store.connect(root), known, root)


def log_pending(opened: store.Store, root: Path) -> Replayed:
    """Log the pending runs of this checkout, in the order of their start."""
    return _log_missing(opened, records.pending(root), root)


def settle_pending(root: Path) -> None:
    """Log the pending runs, if there are any; otherwise MLflow is not imported.

    If MLflow cannot be used, a warning is logged and the runs stay pending.
    """
    if not records.pending(root):
        return
    try:
        log_pending(store.connect(root), root)
    except Exception as error:
        log.warning("MLflow at %s could not be given the latest runs: %s", store.address(root), error)


def _log_missing(opened: store.Store, wanted: list[Record], root: Path) -> Replayed:
    logged: dict[str, list[Record]] = {}
    present = 0
    with lock(root, "replay", 600):  # two processes at once would log each run twice
        for record in wanted:
            if opened.find(record=record.digest):
                present += 1
            else:
                logged.setdefault(_log(opened, record), []).append(record)
            records.settle(record, root)
        for above, ended in logged.items():
            parent.refresh(opened, above, ended)
    return Replayed(sum(map(len, logged.values())), present)


def _log(opened: store.Store, record: Record) -> str:
    """Write a record completely, into the run that was started for it or a new one; returns its parent."""
    above = parent.parent_of(opened, record)
    run_id = _begun(opened, record)
    if run_id is None:
        run_id = opened.create(record.name, store.run_tags(record, above), store.started_ms(record))
    store.write(opened, run_id, record)
    return above


def _begun(opened: store.Store, record: Record) -> str | None:
    """The id of the MLflow run that was started for this record but not completed, if any."""
    begun = opened.find(stage=record.stage, item=store.item_tag(record), started=record.started)
    return str(begun[0].info.run_id) if begun else None
