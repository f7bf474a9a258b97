"""Which run made the outputs that are on disk now."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eva.artifacts import read_json
from eva.record import mlflow_store as store
from eva.record import records
from eva.record.records import Record

log = logging.getLogger(__name__)


def current_record(
    stage: str, item: Mapping[str, Any], outputs: Mapping[str, Path], root: Path
) -> Record | None:
    """The run that made `outputs` as they are now, restored from a cache or not; None if unknown."""
    root = root.resolve()
    return find_record(stage, item, records.outputs_digest(outputs, root), root)


def find_record(stage: str, item: Mapping[str, Any], outputs_digest: str, root: Path) -> Record | None:
    """The run of this item with these outputs: from `runs/`, else its history, else MLflow."""
    latest = records.record_path(root, stage, item)
    if latest.is_file() and (record := records.read_record(latest)).outputs_digest == outputs_digest:
        return record
    name = "@".join(filter(None, [stage, records.item_name(item)]))
    kept = [entry for entry in records.history(root, name) if entry.outputs_digest == outputs_digest]
    finished = [entry for entry in kept if entry.status == "FINISHED"]
    return finished[-1] if finished else _from_mlflow(stage, item, outputs_digest, root)


def _from_mlflow(stage: str, item: Mapping[str, Any], outputs_digest: str, root: Path) -> Record | None:
    axes = {axis: str(value) for axis, value in item.items()}
    try:
        opened = store.connect(root)
        runs = opened.find(stage=stage, outputs=outputs_digest, **axes)
        runs = [run for run in runs if run.info.status == "FINISHED"]
        if not runs:
            return None
        path = opened.client.download_artifacts(runs[-1].info.run_id, "record.json")
    except Exception as error:  # an absent store only means that the maker is unknown
        log.warning("MLflow at %s cannot say which run made %s: %s", store.address(root), stage, error)
        return None
    return records.parse_record(read_json(Path(path)), f"record.json of run {runs[-1].info.run_id}")
