"""The folder in which a flow run works: a clone of its commit, or the checkout of the services."""

import fcntl
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from eva.compat.prefect_leases import keep_runs_without_lease
from eva.errors import InputError
from eva.hosts import constraints
from eva.hosts.git_source import clone, exclusive, git, mirror, require_commit

COMMIT = "EVA_COMMIT"
CHECKOUT = "EVA_CHECKOUT"
GIT_REMOTE = "EVA_GIT_REMOTE"
DVC_REMOTE = "EVA_DVC_REMOTE"
HOME = "EVA_WORKER_HOME"
REMOTE_NAME = "handover"


def enter() -> dict[str, str]:
    """Prefect pull step: go to the folder of this flow run, whose code is imported from then on.

    Output of the run goes to a file beside it: the pipe to the worker would break with the worker.

    Raises:
        InputError: the run's commit, its packages or the remotes are not to be had on this host.
    """
    run = os.environ.get("PREFECT__FLOW_RUN_ID", "unknown")
    commit = os.environ.get(COMMIT)
    try:
        folder = _clone_for(run, commit) if commit else _checkout()
    except InputError as error:
        _fail(run, str(error))
        raise
    keep_runs_without_lease()
    os.chdir(folder)
    logs = worker_home() / "logs" if commit else folder / ".eva" / "runs"
    _output_to(logs / f"{run}.log")
    sys.path.insert(0, str(folder / "src"))
    return {"directory": str(folder)}


def _fail(run: str, message: str) -> None:
    """Give the run a failed state with the message; else it would only be known to have crashed."""
    if not os.environ.get("PREFECT_API_URL"):
        return
    from prefect.client.orchestration import get_client
    from prefect.states import Failed

    with get_client(sync_client=True) as client:
        client.set_flow_run_state(UUID(run), Failed(message=message), force=True)


def _output_to(path: Path) -> None:
    """Let the output of this process, and of the flow that it becomes, go to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab", buffering=0) as file:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            os.dup2(file.fileno(), stream.fileno())


def worker_home() -> Path:
    """The folder with all that workers of this host keep: EVA_WORKER_HOME, or `~/.cache/eva/worker`."""
    given = os.environ.get(HOME)
    return Path(given).absolute() if given else Path.home() / ".cache" / "eva" / "worker"


def required(variable: str) -> str:
    """The value of an environment variable that a worker for other hosts' runs cannot do without."""
    if value := os.environ.get(variable):
        return value
    raise InputError(f"{variable} is not set on this host; start its worker with `eva worker`")


def _checkout() -> Path:
    if folder := os.environ.get(CHECKOUT):
        return Path(folder)
    raise InputError(
        "the run names no commit, and this worker has no checkout: start the pipeline from a checkout with "
        f"{GIT_REMOTE} and {DVC_REMOTE} set"
    )


def _clone_for(run: str, commit: str) -> Path:
    """A fresh clone for a run; those that no process uses any more are deleted."""
    url, remote, home = required(GIT_REMOTE), required(DVC_REMOTE), worker_home()
    repository = mirror(url, home)
    require_commit(repository, commit, url)
    constraints.require_installed(git(repository, "show", f"{commit}:{constraints.FILE}"), commit)
    folder = home / "runs" / run
    with exclusive(home / "runs.lock"):
        _remove_left(home / "runs")
        _hold(folder)
    clone(repository, commit, folder)
    configure_dvc(folder, remote, home)
    return folder


def configure_dvc(folder: Path, remote: str, home: Path) -> None:
    """Let DVC in a clone use the host's cache and the given remote, whose objects it checks on arrival."""
    text = (
        f"[core]\n    remote = {REMOTE_NAME}\n[cache]\n    dir = {home / 'dvc-cache'}\n"
        f"['remote \"{REMOTE_NAME}\"']\n    url = {remote}\n    verify = true\n"
    )
    (folder / ".dvc" / "config.local").write_text(text, "utf-8")


def _hold(folder: Path) -> None:
    """Hold the folder's lock until this process ends, also beyond the `exec` that starts the flow."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    held = os.open(folder.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InputError(f"another process of this host still works on this run, in {folder}") from None
    os.set_inheritable(held, True)


def _remove_left(runs: Path) -> None:
    for path in sorted(runs.glob("*.lock")):
        with _unused(path) as unused:
            if unused:
                shutil.rmtree(path.with_suffix(""), ignore_errors=True)
                path.unlink(missing_ok=True)


@contextmanager
def _unused(path: Path) -> Iterator[bool]:
    with path.open("r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
