"""The artifact `progress` of a pipeline run: how many stages are done, and how far the running ones are."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import UUID

from prefect import get_run_logger
from prefect.artifacts import acreate_progress_artifact, aupdate_progress_artifact
from prefect.client.schemas.objects import TaskRun
from prefect.runtime import flow_run

from flows.graph import read_nodes

EVERY = 5.0  # seconds between two looks


@asynccontextmanager
async def published() -> AsyncIterator[None]:
    """Keep the artifact up to date while the block runs."""
    artifact = await acreate_progress_artifact(0.0, key="progress", description="No stage is done yet.")
    ended = asyncio.Event()
    watcher = asyncio.create_task(_watch(artifact, UUID(flow_run.id), ended))
    try:
        yield
    finally:
        ended.set()
        await watcher


async def _watch(artifact: UUID, pipeline: UUID, ended: asyncio.Event) -> None:
    """Update the artifact when something has changed; a last time when the stages have ended."""
    told: tuple[float, str] | None = None
    while not ended.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), EVERY)
        try:
            found = describe(list((await read_nodes(pipeline)).values()))
            if found != told:
                await aupdate_progress_artifact(artifact, *found)
            told = found
        except Exception as error:  # the server is away, say: the stages go on
            get_run_logger().debug("the progress could not be shown: %s", error)


def describe(nodes: list[TaskRun]) -> tuple[float, str]:
    """The share of stages that have ended, in percent, and a Markdown text about the running ones."""
    done = [node for node in nodes if node.state and node.state.is_completed()]
    running = [node for node in nodes if node.state and node.state.is_running()]
    failed = [node for node in nodes if node.state and node.state.is_failed()]
    lines = [f"{len(done)} of {len(nodes)} stages are done."]
    lines += [f"- `{node.name}` failed" for node in failed]
    lines += [f"- `{node.name}` runs: {node.state.message or 'no step yet'}" for node in running]
    return round(100 * len(done) / max(1, len(nodes)), 1), "\n".join(lines)
