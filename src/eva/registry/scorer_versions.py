"""Trained scorers in the model registry: a version holds the folders that `dvc repro` writes."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eva.artifacts import new_folder
from eva.errors import InputError
from eva.record import mlflow_store as store
from eva.record.checkout import main_checkout
from eva.registry.stored_files import seal_version
from eva.registry.versions import ensure_model, find_version

log = logging.getLogger(__name__)

FOLDERS = ("level_classifier", "epitome")
_PLACE = "scorers"


@dataclass(frozen=True)
class Fetched:
    """Downloaded scorers; `uri` has the version number, even if they were requested by alias."""

    path: Path
    uri: str


def register_scorers(
    folder: Path, name: str, alias: str | None, digests: Mapping[str, str], root: Path
) -> str:
    """Upload the scorers in `folder` as a new version of `name`; returns its `models:/NAME/VERSION`.

    `digests` (kind of scorer -> digest) become tags of the version; `alias`, if given, is set on it.
    """
    opened = store.connect(root)
    client, tags = opened.client, {f"eva.{kind}": digest for kind, digest in digests.items()}
    run_id = opened.create(f"scorers {name}", {"eva.kind": "scorers", **tags})
    for part in FOLDERS:
        if (folder / part).is_dir():
            client.log_artifacts(run_id, str(folder / part), f"{_PLACE}/{part}")
    client.set_terminated(run_id)
    ensure_model(opened, name)
    source = f"{client.get_run(run_id).info.artifact_uri}/{_PLACE}"
    version = str(client.create_model_version(name, source, run_id=run_id, tags=tags).version)
    seal_version(opened, name, version, run_id)
    if alias:
        client.set_registered_model_alias(name, alias, version)
    log.info("%s version %s: scorers of %s", name, version, folder)
    return f"models:/{name}/{version}"


def fetch_scorers(uri: str, root: Path) -> Fetched:
    """The scorers of `models:/NAME@ALIAS` or `models:/NAME/VERSION`, downloaded if they are not yet here.

    Raises:
        InputError: the registry does not have them, or the model is not scorers.
    """
    opened = store.connect(root)
    found = find_version(opened, uri, "`eva scorers register` registers scorers")
    exact = f"models:/{found.name}/{found.version}"
    # With the run id, because the number of a deleted version can be used again.
    folder = main_checkout(root) / ".eva" / "scorers" / found.name / f"{found.version}-{found.run_id}"
    if not folder.is_dir():
        _download(opened, found, folder)
    if not (folder / _PLACE).is_dir():
        raise InputError(f"{uri}: this model has no scorers; `eva scorers register` registers scorers")
    return Fetched(folder / _PLACE, exact)


def _download(opened: store.Store, version: Any, folder: Path) -> None:
    import mlflow

    # Not by its models:/ address, which MLflow would look up in the process-wide registry.
    source = opened.client.get_model_version_download_uri(version.name, version.version)
    log.info("fetching %s version %s", version.name, version.version)
    with new_folder(folder) as temporary:
        mlflow.artifacts.download_artifacts(
            artifact_uri=source, dst_path=str(temporary), tracking_uri=opened.address
        )
