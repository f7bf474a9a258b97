"""What a pipeline run refuses before any stage: settings, targets, remotes, pools without a worker."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from prefect import get_run_logger
from prefect.client.orchestration import PrefectClient, get_client
from prefect.exceptions import ObjectNotFound
from prefect.runtime import flow_run

from eva.compat.dvc_repo import remote_problem
from eva.errors import InputError, raise_if
from eva.hosts.git_source import shown
from eva.hosts.run_folder import REMOTE_NAME
from eva.settings.params_file import read_settings
from flows.dag import StageNode, read_dag
from flows.eva_command import run_eva
from flows.handover import Handover, prepare
from flows.hosts import online, require_hosts


async def accept(
    targets: Sequence[str], push: bool, hosts: int
) -> tuple[tuple[StageNode, ...], Handover | None]:
    """The stages to run and what other hosts are given, once all is there that they need.

    Raises:
        InputError: something is wrong that a stage would only meet later.
        StageError: `eva params check` refuses the settings.
    """
    root = Path.cwd()
    await asyncio.to_thread(require_settings, root, targets)
    nodes = read_dag(root, targets)
    handover = await asyncio.to_thread(prepare, root, str(flow_run.id), get_run_logger())
    if handover or push:
        await asyncio.to_thread(require_remote, root, REMOTE_NAME if handover else None)
    await require_workers(sorted({node.pool for node in nodes}), handover)
    await require_hosts(hosts, nodes, handover, root)
    return nodes, handover


def require_settings(root: Path, targets: Sequence[str]) -> None:
    """Refuse wrong settings; for the whole DAG also missing files, as `eva params check` does."""
    if targets:
        read_settings(root / "params.yaml")
    else:
        run_eva("params", "check")


def require_remote(root: Path, name: str | None) -> None:
    """Refuse a DVC remote to which nothing can be written from here; without a name, the default one."""
    if problem := remote_problem(root, name):
        raise InputError(f"outputs could not be pushed to the DVC remote: {shown(problem)}")


async def require_workers(pools: Sequence[str], handover: Handover | None) -> None:
    """Refuse pools without a deployment, or without a worker that would take the stages."""
    async with get_client() as client:
        problems = [await _pool_problem(client, pool, handover) for pool in pools]
    raise_if(filter(None, problems), "dvc.yaml")


async def _pool_problem(client: PrefectClient, pool: str, handover: Handover | None) -> str | None:
    try:
        await client.read_deployment_by_name(f"run-stages/{pool}")
    except ObjectNotFound:
        return f"a stage names pool {pool!r}, but prefect.yaml has no deployment for it"
    if await online(client, pool, handover):
        return None
    if handover is None:
        return f"no worker of pool {pool!r} is online, so its stages would only wait: `make up` starts one"
    return (
        f"no worker of pool {pool!r} is online that has the packages of constraints.txt "
        f"(digest {handover.constraints}) and fetches from a repository of this project (first commit "
        f"{handover.origin[:12]}): start `eva worker --pool {pool}` on a host that has and does"
    )
