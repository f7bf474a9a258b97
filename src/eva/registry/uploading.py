"""Uploading a model folder so that nothing half-uploaded or damaged can become a version.

The files go into a logged model of MLflow, which is PENDING until what the store holds has been read back
and compared with the files' digests. An upload that was interrupted is found by the model's identity and
goes on where it stopped.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eva.artifacts import fingerprint
from eva.errors import InputError
from eva.manifest import Entry, entries_of
from eva.record import mlflow_store as store
from eva.registry.stored_files import FILES_TAG, LIST, differences, fetched, files_of

log = logging.getLogger(__name__)

IDENTITY = "eva.identity"
_SMALL = 1 << 20  # bytes; what is smaller is uploaded again instead of compared


@dataclass(frozen=True)
class Uploaded:
    """A verified upload; `tag` is the fingerprint of the list of its files."""

    run_id: str
    model_id: str
    source: str
    tag: str


def upload(opened: store.Store, folder: Path, identity: str, name: str) -> Uploaded:
    """Upload `folder`, read it back, and only then call it complete.

    Raises:
        InputError: the store does not give back what it was given.
    """
    entries = entries_of(folder, files_of(folder))
    model = _begun(opened, identity, entries) or _begin(opened, identity, name)
    present = dict(_listed(opened.client, model.model_id))
    missing = [one for one in entries if _is_missing(entries[one], present.get(one))]
    log.info("uploading %d of %d files of %s", len(missing), len(entries), name)
    for _ in range(2):  # again for what the store holds in another form, such as half of a file
        _put(opened.client, model.model_id, folder, missing)
        with fetched(opened, model.artifact_location) as stored:
            faults = dict(differences(stored, entries))
        if not faults:
            break
        missing = [one for one in faults if one in entries]
    if faults:
        said = "; ".join(f"{one}: {fault}" for one, fault in faults.items())
        raise InputError(
            f"{name}: what {opened.address} stored is not what was uploaded ({said}); push again"
        )
    opened.client.log_dict(model.source_run_id, entries, LIST)
    opened.client.finalize_logged_model(model.model_id, "READY")
    opened.client.set_terminated(model.source_run_id)
    return Uploaded(model.source_run_id, model.model_id, model.artifact_location, fingerprint(entries))


def version_tags(uploaded: Uploaded, identity: str) -> dict[str, str]:
    """The tags by which a version is found and checked."""
    return {IDENTITY: identity, FILES_TAG: uploaded.tag}


def _begun(opened: store.Store, identity: str, entries: Mapping[str, Entry]) -> Any | None:
    """The logged model of an earlier upload of the same model that led to no version and can be completed."""
    words = f"tags.`{IDENTITY}` = '{identity}'"
    found = opened.client.search_logged_models([opened.experiment], filter_string=words)
    return next((one for one in found if _can_go_on(opened.client, one, entries)), None)


def _can_go_on(client: Any, model: Any, entries: Mapping[str, Entry]) -> bool:
    """Not where a version, perhaps of another name, has these files; nor where there is one too many."""
    if client.search_model_versions(f"run_id = '{model.source_run_id}'"):
        return False
    return all(name in entries for name, _ in _listed(client, model.model_id))


def _begin(opened: store.Store, identity: str, name: str) -> Any:
    tags = {IDENTITY: identity}
    run_id = opened.create(f"push {name}", {"eva.kind": "push", **tags})
    return opened.client.create_logged_model(
        opened.experiment, name="model", source_run_id=run_id, tags=tags, model_type="eva"
    )


def _is_missing(entry: Entry, size: int | None) -> bool:
    return bool(entry["size"] < _SMALL or entry["size"] != size)


def _put(client: Any, model_id: str, folder: Path, names: list[str]) -> None:
    for name in names:
        above = Path(name).parent.as_posix()
        client.log_model_artifact(model_id, str(folder / name), None if above == "." else above)


def _listed(client: Any, model_id: str, path: str | None = None) -> Iterator[tuple[str, int]]:
    """Every stored file with its size in bytes."""
    for one in client.list_logged_model_artifacts(model_id, path):
        if one.is_dir:
            yield from _listed(client, model_id, one.path)
        else:
            yield one.path, one.file_size
