"""Download of the public corpora from their official URLs; resumable, and verified by digest."""

import logging
import shutil
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from eva.artifacts import digest_file, new_folder, read_json, write_json
from eva.data.sources import SOURCES, RemoteFile
from eva.errors import InputError, raise_if

log = logging.getLogger(__name__)

_CHUNK = 1 << 18
_ATTEMPTS = 3
_TIMEOUT_SECONDS = 30
_NOT_SATISFIABLE = 416
_PARTIAL_CONTENT = 206
_NOTE = "fetched.json"  # beside files unpacked from an archive: the digests of the archive and of the files


def fetch(
    targets: Iterable[str],
    raw_dir: Path,
    hosts: Mapping[str, str] | None = None,
    sources: Mapping[str, tuple[RemoteFile, ...]] = SOURCES,
) -> list[Path]:
    """Download corpora (names of `SOURCES`) into `raw_dir/<corpus>/`; returns those folders.

    A file gets its final name only after its digest was verified. An interrupted download stays as
    `<name>.part` and is continued by the next call. Files that are already there with the right digest
    are not downloaded again.

    Args:
        targets: names of `sources`.
        raw_dir: parent folder of the corpora.
        hosts: official host -> mirror to use instead.
        sources: the files of each corpus.

    Raises:
        InputError: an unknown name, a failed download, a wrong digest, or a file already there with other
            content, which is not changed.
    """
    wanted = list(targets)
    known = ", ".join(sources)
    raise_if(
        (f"{name!r} is not one of {known}" for name in wanted if name not in sources), "corpora to fetch"
    )
    folders = []
    for name in wanted:
        for remote in sources[name]:
            _fetch_one(remote, raw_dir / name, hosts or {})
        folders.append(raw_dir / name)
    return folders


def _fetch_one(remote: RemoteFile, folder: Path, hosts: Mapping[str, str]) -> None:
    if _is_there(remote, folder):
        log.info("%s: %s is there already", folder, remote.name)
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = folder.parent / f".{folder.name}.{remote.name}.part"
    url = f"{hosts.get(remote.host, remote.host).rstrip('/')}/{remote.path}"
    _download(url, part)
    if not remote.agrees(part):
        part.unlink()
        raise InputError(
            f"{url}: the downloaded file does not have the expected digest {remote.digest}; it was deleted. "
            "Try again. If the error stays, the file at this URL has changed: get the official file "
            "elsewhere and use `eva data import DIR`"
        )
    if remote.members:
        _unpack(part, remote, folder)
        part.unlink()
    else:
        folder.mkdir(exist_ok=True)
        part.replace(folder / remote.name)
    log.info("%s: %s fetched and verified", folder, remote.name)


def _is_there(remote: RemoteFile, folder: Path) -> bool:
    """Whether the verified files are there; an `InputError` names those that were changed later."""
    if remote.members:
        return _members_are_there(remote, folder)
    path = folder / remote.name
    if path.is_file() and not remote.agrees(path):
        raise InputError(_not_official([path]))
    return path.is_file()


def _members_are_there(remote: RemoteFile, folder: Path) -> bool:
    """The same for the files of an archive, by the digests written when it was unpacked."""
    noted = read_json(folder / _NOTE) if (folder / _NOTE).is_file() else {}
    if noted.get("archive") != remote.digest:
        return False
    present = [folder / name for name in remote.members if (folder / name).is_file()]
    changed = [path for path in present if digest_file(path) != noted["members"][path.name]]
    if changed:
        raise InputError(_not_official(changed))
    return len(present) == len(remote.members)


def _not_official(paths: Sequence[Path]) -> str:
    return (
        f"{', '.join(map(str, paths))}: not the official content; it was edited, damaged or replaced, and "
        "is left as it is: to get the official file, move this one away and fetch again"
    )


def _download(url: str, part: Path) -> None:
    """Download `url` to `part`, continuing what is already there, in up to three attempts."""
    reason = ""
    for _ in range(_ATTEMPTS):
        try:
            if _continue(url, part):
                return
            reason = "the connection ended early"
        except HTTPError as error:
            raise InputError(f"{url}: the server returned {error.code} {error.reason}") from None
        except (URLError, TimeoutError, ConnectionError, HTTPException) as error:
            reason = str(getattr(error, "reason", error))
    size = part.stat().st_size if part.exists() else 0
    raise InputError(
        f"{url}: the download failed after {size} bytes ({reason}). These are kept: run the command again to "
        "continue, or get the files elsewhere and use `eva data import DIR`"
    )


def _continue(url: str, part: Path) -> bool:
    """Download the rest of `part`; returns whether it has the length that the server announced."""
    have = part.stat().st_size if part.exists() else 0
    try:
        request = Request(url, headers={"Range": f"bytes={have}-"} if have else {})  # noqa: S310 - our hosts
        with urlopen(request, timeout=_TIMEOUT_SECONDS) as reply:  # noqa: S310
            resumed = reply.status == _PARTIAL_CONTENT
            expected = int(reply.headers.get("Content-Length") or 0) + (have if resumed else 0)
            with part.open("ab" if resumed else "wb") as file:
                shutil.copyfileobj(reply, file, _CHUNK)
    except HTTPError as error:
        if error.code == _NOT_SATISFIABLE and have:
            return True  # nothing is left to send; the caller checks the digest
        raise
    return part.stat().st_size >= expected


def _unpack(archive: Path, remote: RemoteFile, folder: Path) -> None:
    """Unpack the members of a verified archive into `folder`, and write a note with their digests.

    Only the files named in `remote.members` are written, whatever their folder in the archive. A file
    that is already there with other content is not replaced: an `InputError` names it.
    """
    with tarfile.open(archive) as tar, new_folder(folder) as fresh:
        plain = {Path(entry.name).name: entry for entry in tar if entry.isfile()}
        missing = [name for name in remote.members if name not in plain]
        raise_if((f"has no file {name}" for name in missing), archive.name)
        for name in remote.members:
            content = tar.extractfile(plain[name])
            assert content is not None  # noqa: S101 - `isfile` was checked above
            with (fresh / name).open("wb") as file:
                shutil.copyfileobj(content, file, _CHUNK)
        digests = {name: digest_file(fresh / name) for name in remote.members}
        present = [folder / name for name in remote.members if (folder / name).is_file()]
        if changed := [path for path in present if digest_file(path) != digests[path.name]]:
            raise InputError(_not_official(changed))
        write_json(fresh / _NOTE, {"archive": remote.digest, "members": digests})
