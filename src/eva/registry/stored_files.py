"""The files of registered versions: recorded when they are registered, compared with what is there now.

The list of files and digests is an artifact of the run that registered a version; the version carries
the list's own digest as a tag.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eva.artifacts import fingerprint, read_json
from eva.manifest import entries_of, file_fault
from eva.record import mlflow_store as store

_TAG = "eva.files"
_LIST = "stored-files-{name}-{version}.json"
_BY_MLFLOW = "registered_model_meta"  # written into a version when it is loaded


@dataclass(frozen=True)
class Checked:
    """How many versions were compared, what is wrong with them, and what could not be compared."""

    versions: int
    problems: list[str]
    notes: list[str]


def seal_version(opened: store.Store, name: str, version: str, run_id: str) -> None:
    """Record the files of a version as they are stored."""
    folder = _fetched(opened, name, version)
    entries = entries_of(folder, _files(folder))
    opened.client.log_dict(run_id, entries, _LIST.format(name=name, version=version))
    opened.client.set_model_version_tag(name, version, _TAG, fingerprint(entries))


def check_versions(root: Path) -> Checked:
    """Compare every version of the registry with its list; one without a list is told as a note."""
    opened = store.connect(root)
    versions = [one for model in opened.client.search_registered_models() for one in _versions(opened, model)]
    sealed = [one for one in versions if _TAG in one.tags]
    problems = [fault for one in sealed for fault in _faults(opened, one)]
    bare = [f"models:/{one.name}/{one.version}" for one in versions if _TAG not in one.tags]
    notes = [f"{', '.join(bare)}: registered without a list of files, so not compared"] if bare else []
    return Checked(len(sealed), problems, notes)


def _versions(opened: store.Store, model: Any) -> list[Any]:
    return list(opened.client.search_model_versions(f"name = '{model.name}'"))


def _faults(opened: store.Store, version: Any) -> Iterator[str]:
    from mlflow.exceptions import MlflowException

    where = f"models:/{version.name}/{version.version}"
    remedy = "register the model again"
    try:
        kept = opened.client.download_artifacts(
            version.run_id, _LIST.format(name=version.name, version=version.version)
        )
        entries, folder = read_json(Path(kept)), _fetched(opened, version.name, version.version)
    except (MlflowException, OSError) as error:
        yield f"{where}: cannot be read ({error}); {remedy}"
        return
    if fingerprint(entries) != version.tags[_TAG]:
        yield f"{where}: its list of files is not the one that was recorded; {remedy}"
        return
    for name, entry in entries.items():
        if fault := file_fault(folder / name, entry):
            yield f"{where}: {name}: {fault}; {remedy}"
    new = {path.relative_to(folder).as_posix() for path in _files(folder)} - set(entries)
    for name in sorted(new):
        yield f"{where}: {name} was added after it was registered; {remedy}"


def _fetched(opened: store.Store, name: str, version: str) -> Path:
    """The folder of a version; where it lies on this disk, itself."""
    import mlflow

    source = opened.client.get_model_version_download_uri(name, version)
    return Path(mlflow.artifacts.download_artifacts(artifact_uri=source, tracking_uri=opened.address))


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.name != _BY_MLFLOW]
