"""Finding the run that produced the files that are on disk now."""

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from eva.artifacts import digest_path, read_json
from eva.record import mlflow_store as store
from eva.record import records
from eva.record.records import Record

log = logging.getLogger(__name__)


def find_maker(stage: str, item: Mapping[str, Any], root: Path) -> Record | None:
    """The run of a stage's item that produced the present content of its outputs; None if unknown.

    Usually this is the record that DVC restores together with the outputs. If they came another way (a
    copied folder, a checkout without `runs/`), the history of this checkout and then MLflow are searched
    for a run with outputs of the same digests.
    """
    root = root.resolve()
    known: dict[str, str | None] = {}
    for record in _recorded(stage, item, root):
        outs = record.outputs.values()
        if outs and all(_digest(out.path, root, known) == out.digest for out in outs):
            return record
    return None


def _digest(path: str, root: Path, known: dict[str, str | None]) -> str | None:
    if path not in known:
        known[path] = digest_path(root / path) if (root / path).exists() else None
    return known[path]


def _recorded(stage: str, item: Mapping[str, Any], root: Path) -> Iterator[Record]:
    """Finished runs of the item; the most likely and cheapest to read come first."""
    latest = records.record_path(root, stage, item)
    if latest.is_file():
        yield records.read_record(latest)
    name = "@".join(filter(None, [stage, records.item_name(item)]))
    yield from (entry for entry in reversed(list(records.history(root, name))) if entry.status == "FINISHED")
    yield from _in_mlflow(stage, item, root)


def _in_mlflow(stage: str, item: Mapping[str, Any], root: Path) -> Iterator[Record]:
    axes = {axis: str(value) for axis, value in item.items()}
    try:
        opened = store.connect(root)
        runs = [run for run in opened.find(stage=stage, **axes) if run.info.status == "FINISHED"]
        for run in reversed(runs):
            yield _record_of(opened, run)
    except Exception as error:  # without a store the run is only unknown
        log.warning("MLflow at %s cannot tell which run produced %s: %s", store.address(root), stage, error)


def _record_of(opened: store.Store, run: Any) -> Record:
    path = opened.client.download_artifacts(run.info.run_id, "record.json")
    return records.parse_record(read_json(Path(path)), f"record.json of run {run.info.run_id}")
