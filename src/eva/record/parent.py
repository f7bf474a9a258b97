"""The MLflow parent run under which the stage runs of one pipeline run stand.

It is named after the pipeline run (`eva.record.pipeline_run`), has all values of `params.yaml` as params, and
gets its metrics from its stages: the headline, and sums of what they used. A scheduler can give a parent of
its own in `EVA_PARENT_RUN_ID`. A parent is always marked as ended, with the worst status among the latest
runs of its stages: nobody knows which stage is the last, and a parent left open would seem to run for ever
after a crash.
"""

import logging
import os
from collections.abc import Sequence
from typing import Any

from eva.record.mlflow_store import Store, creation_lock, ended_ms, log_params, points, send, started_ms
from eva.record.pipeline_run import PipelineRun
from eva.record.records import Record
from eva.record.usage import PREFIX

log = logging.getLogger(__name__)

VARIABLE = "EVA_PARENT_RUN_ID"
_WORST_FIRST = ("FAILED", "KILLED", "FINISHED")


def handed_down() -> str | None:
    """The id of the parent run that a scheduler gave in `EVA_PARENT_RUN_ID`, if any."""
    return os.environ.get(VARIABLE) or None


def parent_of(store: Store, record: Record) -> str:
    """The id of the parent run: the given one, the one of the same pipeline run, or a new one."""
    handed = record.parent_run_id
    if handed and store.exists(handed):
        return handed
    if handed:
        log.warning("%s=%s: no such run in %s; using another", VARIABLE, handed, store.address)
    key = _run(record).key
    with creation_lock(store.root):  # and search again: processes that start at once must share one parent
        if not store.find(parent=key):
            _create(store, record)
        return str(store.find(parent=key)[0].info.run_id)


def refresh(store: Store, parent: str, ended: Sequence[Record]) -> None:
    """Bring a parent up to date after some of its stages have ended."""
    children = store.children(parent)
    time = max([*(child.info.end_time or 0 for child in children), *map(ended_ms, ended)])
    values = {name: value for record in ended for name, value in record.headline.items()}
    send(store.client, parent, points("", {**values, **_sums(children)}, time))
    for record in ended:
        if record.dvc_lock:
            store.client.set_tag(parent, "eva.dvc_lock", record.dvc_lock)
    store.client.set_terminated(parent, _status(children), end_time=time)


def _sums(children: Sequence[Any]) -> dict[str, float]:
    sums: dict[str, float] = {}
    for child in children:
        for name, value in child.data.metrics.items():
            if name.startswith(PREFIX):
                sums[name] = sums.get(name, 0.0) + value
    return {**sums, "stages": float(len({_item(child) for child in children}))}


def _status(children: Sequence[Any]) -> str:
    """The worst among the latest runs of all stages; one that still runs does not count."""
    latest = {_item(child): child.info.status for child in children if child.info.status in _WORST_FIRST}
    return next((status for status in _WORST_FIRST if status in latest.values()), "FINISHED")


def _item(child: Any) -> tuple[str | None, str | None]:
    return child.data.tags.get("eva.stage"), child.data.tags.get("eva.item")


def _run(record: Record) -> PipelineRun:
    """The pipeline run of a record; those of earlier versions know only the digest of their code."""
    return record.pipeline_run or PipelineRun(record.pipeline, "stage", f"pipeline {record.pipeline[:8]}")


def _create(store: Store, record: Record) -> None:
    run, started = _run(record), started_ms(record)
    tags = {
        "eva.parent": run.key,
        "eva.kind": run.kind,
        "eva.profile": run.profile or "none",
        "eva.changed": run.changes or "nothing",
        "eva.commit": record.commit or "none",
        "eva.dirty": str(record.dirty).lower(),
        "eva.code": record.pipeline,
        "mlflow.source.type": "PROJECT",
        "mlflow.source.name": run.url or run.name,
        "mlflow.note.content": _note(run, record),
        **({"eva.prefect": run.url} if run.url else {}),
        **({"mlflow.source.git.commit": record.commit} if record.commit else {}),
    }
    parent = store.create(run.name, tags, started)
    log_params(store.client, parent, run.params)
    store.client.set_terminated(parent, "FINISHED", end_time=started)


def _note(run: PipelineRun, record: Record) -> str:
    changed = [
        f"- `{key}` is `{run.params.get(key, 'absent')}`, there `{theirs}`"
        for key, theirs in run.changed.items()
    ]
    head = f"Settings of the profile `{run.profile}`" if run.profile else "Settings of no profile"
    code = f"Commit {record.commit or 'none'}{' with changes' if record.dirty else ''}."
    link = [f"[The flow run in Prefect]({run.url})", ""] if run.url else []
    return "\n".join([*link, f"{head}{', but:' if changed else '.'}", "", *changed, "", code])
