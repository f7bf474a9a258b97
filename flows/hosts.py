"""Trainings that several workers of a pool share: which they are, and how workers are kept for them."""

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

from prefect.client.orchestration import PrefectClient, get_client
from prefect.concurrency.asyncio import concurrency

from eva.errors import raise_if
from eva.hosts import constraints
from eva.settings.params_file import read_settings
from eva.settings.training_section import Training
from flows.dag import StageNode
from flows.handover import Handover
from flows.once import LEASE_SECONDS


def hosts_for(stage: str, hosts: int, root: Path) -> int:
    """On how many hosts a stage runs: those given if it trains in processes of a launcher, else one."""
    if hosts == 1:
        return 1
    section = getattr(read_settings(root / "params.yaml"), _section(stage), None)
    return hosts if isinstance(section, Training) and section.launcher != "single" else 1


async def require_hosts(
    hosts: int, nodes: Iterable[StageNode], handover: Handover | None, root: Path
) -> None:
    """Refuse several hosts where no training can be shared among them, or where there are not so many."""
    if hosts == 1:
        return
    shared = [node for node in nodes if hosts_for(node.name, hosts, root) > 1]
    problems = list(_problems(hosts, shared, root))
    if handover is None:
        problems.append(
            "stages run in this checkout, so on one host; set EVA_GIT_REMOTE and EVA_DVC_REMOTE before "
            "`make up`, and start `eva worker` on the hosts (docs/hosts.md)"
        )
    else:
        for pool in sorted({node.pool for node in shared}):
            problems += await _absent(pool, hosts, handover)
    raise_if(problems, f"hosts: {hosts}")


def _problems(hosts: int, shared: Iterable[StageNode], root: Path) -> Iterator[str]:
    settings, sections = read_settings(root / "params.yaml"), sorted({_section(node.name) for node in shared})
    if not sections:
        yield (
            "no stage of this run trains in several processes, so there is nothing to share; set "
            "`launcher: torchrun` and `processes` in `sft` or `dpo`"
        )
    for name in sections:
        section = getattr(settings, name)
        if section.processes % hosts:
            yield f"{name}: {section.processes} processes cannot be shared evenly; change one of the numbers"
        if section.hosts > 1:
            yield f"{name}: `hosts: {section.hosts}` of params.yaml is for hosts started by hand; remove it"


async def _absent(pool: str, hosts: int, handover: Handover) -> list[str]:
    async with get_client() as client:
        count = await online(client, pool, handover)
    told = (
        f"pool {pool!r} has {count} workers online with the packages of constraints.txt; start "
        f"`eva worker --pool {pool}` on {hosts - count} more, or give a smaller number of hosts"
    )
    return [told] if count < hosts else []


async def online(client: PrefectClient, pool: str, handover: Handover | None) -> int:
    """How many workers of a pool are online that take the run: with a hand-over, those with its packages."""
    workers = await client.read_workers_for_work_pool(pool)
    return sum(worker.status == "ONLINE" and _takes(worker.name, handover) for worker in workers)


def _takes(worker: str, handover: Handover | None) -> bool:
    return worker.endswith(handover.queue) if handover else constraints.QUEUES not in worker


def _section(stage: str) -> str:
    return stage.partition("@")[0]


@asynccontextmanager
async def workers_for(
    pool: str, stages: Iterable[str], hosts: int, handover: Handover | None
) -> AsyncIterator[None]:
    """Hold as many workers of a pool as stages need, while pipelines share trainings among several.

    Two trainings that each have one worker and wait for a second would wait for ever.
    """
    if hosts == 1 or handover is None:
        yield
        return
    name = f"workers-{pool}-{handover.queue}"
    async with get_client() as client:
        total = await online(client, pool, handover)
        await client.upsert_global_concurrency_limit_by_name(name, max(total, hosts))
    needed = max(hosts_for(stage, hosts, Path.cwd()) for stage in stages)
    async with concurrency(name, needed, lease_duration=LEASE_SECONDS, raise_on_lease_renewal_failure=False):
        yield
