"""One parent run per pipeline run.

A pipeline run is known by its commit, code and parameters, so stages started one by one from a
shell meet under one parent. A scheduler that wants its own hands the id down in
`EVA_PARENT_RUN_ID`. A parent is always closed: nobody knows which stage is the last, and a parent
that waits for one would run for ever after a crash. Its status and end are those of its latest stage.
"""

import logging
import os

from eva.record.mlflow_store import Store, creation_lock, started_ms
from eva.record.records import Record

log = logging.getLogger(__name__)

VARIABLE = "EVA_PARENT_RUN_ID"


def handed_down() -> str | None:
    """The parent that a scheduler wants its stages to have."""
    return os.environ.get(VARIABLE) or None


def parent_of(store: Store, record: Record) -> str:
    """The parent's run id: handed down, or found by the digest of the record's code, or made."""
    handed = record.parent_run_id
    if handed and store.exists(handed):
        return handed
    if handed:
        log.warning("%s=%s: no such run in %s; using the one of this commit", VARIABLE, handed, store.address)
    with creation_lock(store.root):  # with the second look it keeps the parent one under races
        if not store.find(parent=record.pipeline):
            _create(store, record)
        return str(store.find(parent=record.pipeline)[0].info.run_id)


def close_parent(store: Store, parent: str, status: str, ended_ms: int) -> None:
    """Give the parent the status and end of the stage that has just ended."""
    store.client.set_terminated(parent, status, end_time=ended_ms)


def _create(store: Store, record: Record) -> None:
    commit, dirty = record.commit, record.dirty
    shown = (commit[:8] if commit else "uncommitted") + ("+changes" if commit and dirty else "")
    tags = {
        "eva.parent": record.pipeline,
        "eva.pipeline": record.pipeline,
        "eva.commit": commit or "none",
        "eva.dirty": str(dirty).lower(),
        "mlflow.source.type": "PROJECT",
        **({"mlflow.source.git.commit": commit} if commit else {}),
    }
    started = started_ms(record)
    parent = store.create(f"pipeline {shown}", tags, started)
    store.client.set_terminated(parent, "FINISHED", end_time=started)
