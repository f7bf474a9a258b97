"""One parent run per pipeline run.

A pipeline run is known by its commit, code and parameters, so stages started one by one from a
shell meet under one parent. A scheduler that wants its own hands the id down in
`EVA_PARENT_RUN_ID`. A parent is always closed: nobody knows which stage is the last, and a parent
that waits for one would run for ever after a crash. Its status and end are those of its latest stage.
"""

import logging
import os
import time

from eva.record.checkout import Code
from eva.record.mlflow_store import Store, creation_lock

log = logging.getLogger(__name__)

VARIABLE = "EVA_PARENT_RUN_ID"


def parent_of(store: Store, code: Code) -> str:
    """The parent's run id: handed down, or found by the code's digest, or made."""
    handed = os.environ.get(VARIABLE)
    if handed and store.exists(handed):
        return handed
    if handed:
        log.warning("%s=%s: no such run in %s; using the one of this commit", VARIABLE, handed, store.address)
    return find_or_create(store, code)


def find_or_create(store: Store, code: Code, started_ms: int | None = None) -> str:
    """The one parent of this code; the lock and the second look keep it one under races."""
    with creation_lock(store.root):
        if not store.find(parent=code.digest):
            _create(store, code, started_ms)
        return str(store.find(parent=code.digest)[0].info.run_id)


def close_parent(store: Store, parent: str, status: str, ended_ms: int) -> None:
    """Give the parent the status and end of the stage that has just ended."""
    store.client.set_terminated(parent, status, end_time=ended_ms)


def _create(store: Store, code: Code, started_ms: int | None) -> None:
    shown = (code.commit[:8] if code.commit else "uncommitted") + (
        "+changes" if code.commit and code.dirty else ""
    )
    tags = {
        "eva.parent": code.digest,
        "eva.pipeline": code.digest,
        "eva.commit": code.commit or "none",
        "eva.dirty": str(code.dirty).lower(),
        "mlflow.source.type": "PROJECT",
        **({"mlflow.source.git.commit": code.commit} if code.commit else {}),
    }
    started = started_ms or int(time.time() * 1000)
    parent = store.create(f"pipeline {shown}", tags, started)
    store.client.set_terminated(parent, "FINISHED", end_time=started)
