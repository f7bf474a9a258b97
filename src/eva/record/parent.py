"""The MLflow parent run under which the stage runs of one pipeline run are grouped.

A pipeline run is identified by its commit, code and parameters, so that stages started one by one from a
shell get the same parent. A scheduler can give its own parent in `EVA_PARENT_RUN_ID`. A parent is always
marked as ended, with the status and end time of its latest stage: nobody knows which stage is the last,
and a parent left open would seem to run for ever after a crash.
"""

import logging
import os

from eva.record.mlflow_store import Store, creation_lock, started_ms
from eva.record.records import Record

log = logging.getLogger(__name__)

VARIABLE = "EVA_PARENT_RUN_ID"


def handed_down() -> str | None:
    """The id of the parent run that a scheduler gave in `EVA_PARENT_RUN_ID`, if any."""
    return os.environ.get(VARIABLE) or None


def parent_of(store: Store, record: Record) -> str:
    """The id of the parent run: the given one, the one of the same pipeline run, or a new one."""
    handed = record.parent_run_id
    if handed and store.exists(handed):
        return handed
    if handed:
        log.warning("%s=%s: no such run in %s; using the one of this commit", VARIABLE, handed, store.address)
    with creation_lock(store.root):  # and search again: processes that start at once must share one parent
        if not store.find(parent=record.pipeline):
            _create(store, record)
        return str(store.find(parent=record.pipeline)[0].info.run_id)


def close_parent(store: Store, parent: str, status: str, ended_ms: int) -> None:
    """Give the parent the status and end time of the stage that has just ended."""
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
