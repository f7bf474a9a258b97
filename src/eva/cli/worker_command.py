"""`eva worker`: check this host, then start Prefect's own worker, which takes stages from a pool."""

import os
import socket
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from eva.hosts.run_folder import DVC_REMOTE, GIT_REMOTE, HOME, worker_home
from eva.hosts.worker_checks import Addresses, check


def worker(
    pool: Annotated[str, typer.Option(help="Work pool whose stages run here, such as cpu or gpu.")],
    server: Annotated[
        str, typer.Option(envvar="PREFECT_API_URL", help="Prefect's API, such as http://host:4200/api.")
    ],
    git_remote: Annotated[
        str, typer.Option("--git", envvar=GIT_REMOTE, help="Git remote with the code: a URL or a folder.")
    ],
    dvc_remote: Annotated[
        str, typer.Option("--dvc", envvar=DVC_REMOTE, help="DVC remote: a folder, ssh:// or s3:// URL.")
    ],
    revision: Annotated[
        str, typer.Option(help="Branch or commit whose constraints.txt this host's packages must match.")
    ] = "main",
    limit: Annotated[int, typer.Option(min=1, help="How many flow runs this host takes at once.")] = 1,
    check_only: Annotated[bool, typer.Option("--check", help="Check this host, and start nothing.")] = False,
) -> None:
    """Take stages of a pool on this host. It needs no checkout: only these addresses and their credentials.

    The token of Prefect comes from PREFECT_API_AUTH_STRING, and what git and the DVC remote need from where
    their own tools look for it. Files are kept in EVA_WORKER_HOME (~/.cache/eva/worker).
    """
    home = worker_home()
    addresses = Addresses(server, _absolute(git_remote), _absolute(dvc_remote))
    queue = check(addresses, pool, revision, home)
    typer.echo(f"server, pool {pool}, git remote, DVC remote and packages are right; queue {queue}", err=True)
    if not check_only:
        _become_worker(addresses, pool, queue, limit, home)


def _absolute(address: str) -> str:
    """Folders by their whole path: a flow run works in another folder."""
    return str(Path(address).absolute()) if Path(address).is_dir() else address


def _become_worker(addresses: Addresses, pool: str, queue: str, limit: int, home: Path) -> NoReturn:
    # The record is rebuilt in the caller's MLflow from what the stages write; this one is for the host alone.
    os.environ.setdefault("MLFLOW_TRACKING_URI", f"sqlite:///{home / 'mlflow.db'}")
    os.environ.setdefault("PREFECT_WORKER_QUERY_SECONDS", "3")  # between looks for a run; Prefect's is 10
    os.environ.update({
        "PREFECT_API_URL": addresses.server,
        "PREFECT_HOME": str(home / "prefect"),
        GIT_REMOTE: addresses.git_remote,
        DVC_REMOTE: addresses.dvc_remote,
        HOME: str(home),
        "DO_NOT_TRACK": "true",
        "PREFECT_CLIENT_MAX_RETRIES": "8",  # a run outlasts a server that is away for minutes
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
        "EVA_CHECKPOINTS": os.environ.get("EVA_CHECKPOINTS", str(home / "checkpoints")),
        "EVA_ANSWERS": os.environ.get("EVA_ANSWERS", str(home / "answers")),
    })  # fmt: skip
    name = f"{socket.gethostname()}-{os.getpid()}-{queue}"  # its end is how a pipeline counts workers
    argv = ["worker", "start", "--type", "process", "--pool", pool, "--work-queue", queue, "--name", name]
    argv += ["--limit", str(limit), "--install-policy", "never"]
    os.execv(sys.executable, [sys.executable, "-m", "prefect", *argv])  # noqa: S606
