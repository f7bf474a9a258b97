"""The files of registered versions: recorded when they are registered, compared with what is there now.

The list of files and digests is an artifact of the run that registered a version; the version carries
the list's own digest as a tag.
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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
    with _fetched(opened, name, version) as folder:
        entries = entries_of(folder, _files(folder))
    opened.client.log_dict(run_id, entries, _LIST.format(name=name, version=version))
    opened.client.set_model_version_tag(name, version, _TAG, fingerprint(entries))


def check_versions(root: Path) -> Checked:
    """Compare every version of the registry with its list; one without a list is told as a note."""
    opened = store.connect(root)
    versions = _versions(opened)
    sealed = [one for one in versions if _TAG in one.tags]
    problems = [fault for one in sealed for fault in _faults(opened, one)]
    bare = [f"models:/{one.name}/{one.version}" for one in versions if _TAG not in one.tags]
    notes = [f"{', '.join(bare)}: registered without a list of files, so not compared"] if bare else []
    return Checked(len(sealed), problems, notes)


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
    remedy = "register the model again"
    try:
        entries = _list_of(opened, version)
        if fingerprint(entries) != version.tags[_TAG]:
            found = ["its list of files is not the one that was recorded"]
        else:
            with _fetched(opened, version.name, version.version) as folder:
                found = list(_differences(folder, entries))
    except (MlflowException, OSError) as error:
        found = [f"cannot be read ({error})"]
    yield from (f"{where}: {fault}; {remedy}" for fault in found)


def _differences(folder: Path, entries: Mapping[str, Any]) -> Iterator[str]:
    for name, entry in entries.items():
        if fault := file_fault(folder / name, entry):
            yield f"{name}: {fault}"
    new = {path.relative_to(folder).as_posix() for path in _files(folder)} - set(entries)
    yield from (f"{name} was added after it was registered" for name in sorted(new))


def _list_of(opened: store.Store, version: Any) -> dict[str, Any]:
    name = _LIST.format(name=version.name, version=version.version)
    with tempfile.TemporaryDirectory() as work:
        entries: dict[str, Any] = read_json(
            Path(opened.client.download_artifacts(version.run_id, name, work))
        )
    return entries


@contextmanager
def _fetched(opened: store.Store, name: str, version: str) -> Iterator[Path]:
    """The folder of a version itself if it is on this disk, else a copy that is deleted after the block."""
    import mlflow
    from mlflow.utils.file_utils import local_file_uri_to_path
    from mlflow.utils.uri import is_local_uri

    source = opened.client.get_model_version_download_uri(name, version)
    if is_local_uri(source):
        yield Path(local_file_uri_to_path(source))
        return
    with tempfile.TemporaryDirectory() as work:
        yield Path(
            mlflow.artifacts.download_artifacts(
                artifact_uri=source, tracking_uri=opened.address, dst_path=work
            )
        )


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.name != _BY_MLFLOW]
