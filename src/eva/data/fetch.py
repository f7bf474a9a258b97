"""Downloading the public corpora from their official addresses: resumed, verified, then put in place."""

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
_NOTE = "fetched.json"  # beside the members of an archive: its digest, and theirs


def fetch(
    targets: Iterable[str],
    raw_dir: Path,
    hosts: Mapping[str, str] | None = None,
    sources: Mapping[str, tuple[RemoteFile, ...]] = SOURCES,
) -> list[Path]:
    """Download corpora (names of `SOURCES`) into `raw_dir/<corpus>/`; returns those folders.

    A file gets its name only once its digest is the pinned one. What was downloaded of an
    interrupted file stays as `<name>.part` and is continued. `hosts` replaces official hosts by
    mirrors. Files already there with the right digest are not downloaded again; one with another content
    is an `InputError` and stays as it is.
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
            f"{url}: what came back does not have the expected digest {remote.digest}; it was deleted. "
            "Try again, and if it stays so the address serves something else: get the file elsewhere and "
            "use `eva data import DIR`"
        )
    if remote.members:
        _unpack(part, remote, folder)
        part.unlink()
    else:
        folder.mkdir(exist_ok=True)
        part.replace(folder / remote.name)
    log.info("%s: %s fetched and verified", folder, remote.name)


def _is_there(remote: RemoteFile, folder: Path) -> bool:
    """Whether the verified files are in place; an `InputError` names one that was changed since."""
    if remote.members:
        return _members_are_there(remote, folder)
    path = folder / remote.name
    if path.is_file() and not remote.agrees(path):
        raise InputError(_not_official([path]))
    return path.is_file()


def _members_are_there(remote: RemoteFile, folder: Path) -> bool:
    """By the digests that were noted when the verified archive was unpacked."""
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
        f"{', '.join(map(str, paths))}: not the official content; edited, damaged or from elsewhere. It was "
        "left as it is: to have the official one, move it away and fetch again"
    )


def _download(url: str, part: Path) -> None:
    """Complete `part` from `url`, continuing where it ends, in up to three attempts."""
    reason = ""
    for _ in range(_ATTEMPTS):
        try:
            if _continue(url, part):
                return
            reason = "the connection ended early"
        except HTTPError as error:
            raise InputError(f"{url}: the server answers {error.code} {error.reason}") from None
        except (URLError, TimeoutError, ConnectionError, HTTPException) as error:
            reason = str(getattr(error, "reason", error))
    size = part.stat().st_size if part.exists() else 0
    raise InputError(
        f"{url}: download failed after {size} bytes ({reason}); they are kept, so run it again to continue, "
        "or get the files elsewhere and use `eva data import DIR`"
    )


def _continue(url: str, part: Path) -> bool:
    """Fetch the rest of `part`; whether it is complete by the length that the server gave."""
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
            return True  # nothing is left to send; the digest tells whether these are the right bytes
        raise
    return part.stat().st_size >= expected


def _unpack(archive: Path, remote: RemoteFile, folder: Path) -> None:
    """Put the members of a verified archive into `folder`, with a note of their digests.

    Only the named files are written, whatever folder they stand in there. Other content that stands in
    their place is not replaced: an `InputError` names it.
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
