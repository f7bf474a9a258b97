"""What must be right on a host before its worker takes stages; all problems are reported at once."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from eva.compat.dvc_repo import remote_problem
from eva.errors import InputError, raise_if
from eva.hosts import constraints
from eva.hosts.git_source import clone, first_commit, git, mirror, require_commit, shown
from eva.hosts.run_folder import configure_dvc

SECONDS = 10.0  # that the server has to answer
RETRIES = 3  # after 2, 4 and 8 seconds, if it is busy or silent


@dataclass(frozen=True)
class Addresses:
    """All that a worker's host is told: Prefect's API, the git remote with the code, the DVC remote."""

    server: str
    git_remote: str
    dvc_remote: str


def check(addresses: Addresses, pool: str, revision: str, home: Path) -> str:
    """Check server, pool, remotes and packages; returns the work queue that fits the packages here.

    Raises:
        InputError: something is wrong; the message lists all of it.
    """
    problems: list[str] = []
    queue = _found(lambda: _check_source(addresses, revision, home), problems)
    _found(lambda: _check_pool(addresses.server, pool), problems)
    raise_if(problems, "this host cannot take stages")
    _ensure_queue(addresses.server, pool, queue)
    return queue


def _found(look: Callable[[], str], problems: list[str]) -> str:
    try:
        return look()
    except InputError as error:
        problems.append(str(error).replace("\n", "\n    "))
        return ""


def _check_source(addresses: Addresses, revision: str, home: Path) -> str:
    """The work queue that fits `revision`, once its packages and the DVC remote have been checked."""
    repository = mirror(addresses.git_remote, home)
    commit = _resolve(repository, revision, addresses.git_remote)
    text = git(repository, "show", f"{commit}:{constraints.FILE}")
    constraints.require_installed(text, commit)
    with TemporaryDirectory(dir=home, prefix="probe-") as folder:
        probe = Path(folder) / "clone"
        clone(repository, commit, probe)
        configure_dvc(probe, addresses.dvc_remote, home)
        problem = remote_problem(probe)
    if problem:
        remote = shown(addresses.dvc_remote)
        raise InputError(f"the DVC remote {remote} cannot be used from this host: {shown(problem)}")
    return constraints.queue_name(constraints.digest(text), first_commit(repository, commit))


def _resolve(repository: Path, revision: str, url: str) -> str:
    """The commit that a branch, a tag or a hash names."""
    try:
        return git(repository, "rev-parse", "--verify", f"{revision}^{{commit}}").strip()
    except InputError:
        require_commit(repository, revision, url)
        return revision


def _check_pool(server: str, pool: str) -> str:
    with _asked(server, pool) as client:
        return str(client.read_work_pool(pool).name)


def _ensure_queue(server: str, pool: str, queue: str) -> None:
    from prefect.exceptions import ObjectAlreadyExists

    with _asked(server, pool) as client, suppress(ObjectAlreadyExists):
        client.create_work_queue(queue, work_pool_name=pool)


@contextmanager
def _asked(server: str, pool: str) -> Iterator[Any]:
    """Prefect's client; what it raises becomes an `InputError` that says what to do.

    It asks a server that is busy (503, while its database is locked) or silent again.
    """
    from httpx import HTTPError, HTTPStatusError, InvalidURL  # slow to import, as all of Prefect
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.exceptions import ObjectNotFound
    from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    token, key = (os.environ.get(f"PREFECT_API_{name}") for name in ("AUTH_STRING", "KEY"))
    limit = {"timeout": SECONDS}
    try:
        client = SyncPrefectClient(server, auth_string=token, api_key=key, httpx_settings=limit)
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: RETRIES}), client:
            yield client
    except ObjectNotFound as error:
        raise InputError(
            f"Prefect at {server} has no work pool {pool!r}; pools are made by `make up` on the server's host"
        ) from error
    except HTTPStatusError as error:
        raise InputError(f"Prefect at {server} {_refusal(error.response.status_code)}") from error
    except (HTTPError, InvalidURL, ValueError) as error:
        raise InputError(
            f"Prefect does not answer at {server} ({error}); give --server the address that ends in /api"
        ) from error


def _refusal(status: int) -> str:
    if status in (401, 403):
        return "does not take the token; set PREFECT_API_AUTH_STRING to that of the server"
    return f"answers with {status}"
