"""What must be right on a host before its worker takes stages; all problems are reported at once."""

import base64
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from eva.compat.dvc_repo import remote_problem
from eva.errors import InputError, raise_if
from eva.hosts import constraints
from eva.hosts.git_source import clone, git, mirror, require_commit, shown
from eva.hosts.run_folder import configure_dvc

SECONDS = 10.0  # that the server has to answer
BUSY = 60.0  # for which it may say that it is busy


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
    found = _found(lambda: _check_source(addresses, revision, home), problems)
    _found(lambda: _check_pool(addresses.server, pool), problems)
    raise_if(problems, "this host cannot take stages")
    queue = constraints.queue_name(found)
    _ensure_queue(addresses.server, pool, queue)
    return queue


def _found(look: Callable[[], str], problems: list[str]) -> str:
    try:
        return look()
    except InputError as error:
        problems.append(str(error).replace("\n", "\n    "))
        return ""


def _check_source(addresses: Addresses, revision: str, home: Path) -> str:
    """Digest of the constraints at `revision`, once its packages and the DVC remote have been checked."""
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
    return constraints.digest(text)


def _resolve(repository: Path, revision: str, url: str) -> str:
    """The commit that a branch, a tag or a hash names."""
    try:
        return git(repository, "rev-parse", "--verify", f"{revision}^{{commit}}").strip()
    except InputError:
        require_commit(repository, revision, url)
        return revision


def _check_pool(server: str, pool: str) -> str:
    try:
        found = _ask(server, f"/work_pools/{pool}")
    except urllib.error.HTTPError as error:
        raise InputError(_refusal(error, server, pool)) from error
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise InputError(
            f"Prefect does not answer at {server} ({reason}); give --server the address that ends in /api"
        ) from error
    return str(found["name"])


def _refusal(error: urllib.error.HTTPError, server: str, pool: str) -> str:
    if error.code == 404:
        return (
            f"Prefect at {server} has no work pool {pool!r}; pools are made by `make up` on the server's host"
        )
    if error.code in (401, 403):
        return (
            f"Prefect at {server} does not take the token; set PREFECT_API_AUTH_STRING to that of the server"
        )
    return f"Prefect at {server} answers with {error.code} {error.reason}"


def _ensure_queue(server: str, pool: str, queue: str) -> None:
    try:
        _ask(server, f"/work_pools/{pool}/queues", {"name": queue})
    except urllib.error.HTTPError as error:
        if error.code != 409:  # it exists
            raise InputError(_refusal(error, server, pool)) from error


def _ask(server: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """The server's answer; 503, which it gives while its database is locked, makes us ask again."""
    deadline = time.monotonic() + BUSY
    while True:
        try:
            return _answer(server, path, body)
        except urllib.error.HTTPError as error:
            if error.code != 503 or time.monotonic() > deadline:
                raise
            time.sleep(1)


def _answer(server: str, path: str, body: dict[str, Any] | None) -> Any:
    headers = {"Content-Type": "application/json"}
    if secret := os.environ.get("PREFECT_API_AUTH_STRING"):
        headers["Authorization"] = "Basic " + base64.b64encode(secret.encode()).decode()
    if key := os.environ.get("PREFECT_API_KEY"):
        headers["Authorization"] = f"Bearer {key}"
    if not server.startswith(("http://", "https://")):
        raise InputError(f"--server is {server!r}: give an address such as http://host:4200/api")
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(server.rstrip("/") + path, data, headers)  # noqa: S310 - http(s) only
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
        return json.load(answer)
