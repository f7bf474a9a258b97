"""The files of registered versions: recorded when they are registered, compared with what is there now.

The list of files and digests is an artifact of the run that uploaded a version; the version carries
the list's own digest as a tag. Nothing of a version is used before it matches its list.
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from eva.artifacts import fingerprint, read_json
from eva.errors import InputError, raise_if
from eva.manifest import entries_of, file_fault
from eva.record import mlflow_store as store

FILES_TAG = "eva.files"
LIST = "stored-files.json"
_BY_MLFLOW = "registered_model_meta"  # written into a version when it is loaded


@dataclass(frozen=True)
class Checked:
    """How many versions were compared, what is wrong with them, and what could not be compared."""

    versions: int
    problems: list[str]
    notes: list[str]


def seal_version(opened: store.Store, name: str, version: str, run_id: str) -> None:
    """Record the files of a version as they are stored."""
    found = opened.client.get_model_version(name, version)
    with fetched(opened, _source(opened, found)) as folder:
        entries = entries_of(folder, files_of(folder))
    opened.client.log_dict(run_id, entries, LIST)
    opened.client.set_model_version_tag(name, version, FILES_TAG, fingerprint(entries))


def check_versions(root: Path) -> Checked:
    """Compare every version of the registry with its list; one without a list is told as a note."""
    opened = store.connect(root)
    versions = _versions(opened)
    sealed = [one for one in versions if FILES_TAG in one.tags]
    problems = [fault for one in sealed for fault in _faults(opened, one)]
    bare = [f"models:/{one.name}/{one.version}" for one in versions if FILES_TAG not in one.tags]
    notes = [f"{', '.join(bare)}: registered without a list of files, so not compared"] if bare else []
    return Checked(len(sealed), problems, notes)


@contextmanager
def checked_folder(opened: store.Store, version: Any) -> Iterator[Path]:
    """The folder of a version, after every file in it was compared with the list.

    Raises:
        InputError: the version has no list, its files lie outside the store's own folder, or they differ
            from the list.
    """
    where = f"models:/{version.name}/{version.version}"
    if FILES_TAG not in version.tags:
        raise InputError(
            f"{where}: has no list of files, so nobody can tell whether they are what was registered; "
            "`eva registry push` registers a model with its list"
        )
    entries = _list_of(opened, version)
    with fetched(opened, _source(opened, version)) as folder:
        raise_if((f"{name}: {fault}" for name, fault in differences(folder, entries)), where)
        yield folder


def _versions(opened: store.Store) -> list[Any]:
    """Every version of every registered model, page by page."""
    found: list[Any] = []
    page: str | None = None
    while page != "":
        some = opened.client.search_model_versions(page_token=page)
        found, page = [*found, *some], some.token or ""
    return found


def _faults(opened: store.Store, version: Any) -> Iterator[str]:
    from mlflow.exceptions import MlflowException

    where = f"models:/{version.name}/{version.version}"
    try:
        entries = _list_of(opened, version)
        with fetched(opened, _source(opened, version)) as folder:
            found = [f"{name}: {fault}" for name, fault in differences(folder, entries)]
    except InputError as error:
        found = [str(error).removeprefix(f"{where}: ")]
    except (MlflowException, OSError) as error:
        found = [f"cannot be read ({error})"]
    yield from (f"{where}: {fault}; register the model again" for fault in found)


def differences(folder: Path, entries: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Name and fault of every file that is not as the list has it."""
    for name, entry in entries.items():
        if fault := file_fault(folder / name, entry):
            yield name, fault
    for path in files_of(folder):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            yield name, "is a link, which could lead anywhere"
        elif name not in entries:
            yield name, "was added after it was registered"


def _list_of(opened: store.Store, version: Any) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as work:
        entries: dict[str, Any] = read_json(
            Path(opened.client.download_artifacts(version.run_id, LIST, work))
        )
    if fingerprint(entries) != version.tags[FILES_TAG]:
        raise InputError(
            f"models:/{version.name}/{version.version}: its list of files is not the one that was recorded"
        )
    return entries


def _source(opened: store.Store, version: Any) -> str:
    """Where the files of a version are; `InputError` if that is not where its own run stores files.

    MLflow's clients accept any address as the source of a version, such as `file:///etc`.
    """
    where = f"models:/{version.name}/{version.version}"
    remedy = "delete the version, and register the model again"
    if not opened.exists(version.run_id):
        raise InputError(f"{where}: no run of this registry uploaded it; {remedy}")
    experiment = opened.client.get_run(version.run_id).info.experiment_id
    above = str(opened.client.get_experiment(experiment).artifact_location).rstrip("/")
    source = str(opened.client.get_model_version_download_uri(version.name, version.version))
    decoded = unquote(unquote(source))  # twice, as some stores decode once more
    if not source.startswith(f"{above}/") or ".." in Path(decoded).parts:
        raise InputError(
            f"{where}: its source {source} is not in {above}, where its run stores files; {remedy}"
        )
    return source


@contextmanager
def fetched(opened: store.Store, source: str) -> Iterator[Path]:
    """The stored folder itself if it is on this disk, else a private copy that is deleted after the block."""
    import mlflow
    from mlflow.utils.file_utils import local_file_uri_to_path
    from mlflow.utils.uri import is_local_uri

    if is_local_uri(source):
        yield Path(local_file_uri_to_path(source))
        return
    with tempfile.TemporaryDirectory() as work:
        yield Path(
            mlflow.artifacts.download_artifacts(
                artifact_uri=source, tracking_uri=opened.address, dst_path=work
            )
        )


def files_of(folder: Path) -> list[Path]:
    """The files of a stored folder, without the one that MLflow adds when it loads a version."""
    return [path for path in folder.rglob("*") if path.is_file() and path.name != _BY_MLFLOW]
