"""Waiting for a flow run to end, also while the server is away and when the server takes a run for lost."""

import asyncio
import time
from uuid import UUID

import httpx
from prefect import get_run_logger
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.states import Crashed

from flows.watch import LOOK_SECONDS, REPLACED

POLL_SECONDS = 1.0  # between two questions to the server, at first
LONGEST_POLL_SECONDS = 5.0  # and later
PATIENCE = 20.0  # seconds after which the questions become fewer
AWAY_SECONDS = 10.0
OBJECTION_SECONDS = 3 * LOOK_SECONDS  # that a run has to say that it lives after all


async def ended(run: UUID) -> FlowRun:
    """The flow run, once it has ended. A server that does not answer is asked again."""
    away, begun = False, time.monotonic()
    while True:
        await asyncio.sleep(AWAY_SECONDS if away else _pause(time.monotonic() - begun))
        try:
            async with get_client() as client:
                found = await _final(client, run)
        except httpx.HTTPError as error:
            if not away:
                get_run_logger().warning("Prefect's server is away (%s); waiting for it", error)
            away = True
            continue
        away = False
        if found:
            return found


def _pause(waited: float) -> float:
    """Seconds until the next question: many runs may be waited for at once, all at the same server."""
    return min(LONGEST_POLL_SECONDS, POLL_SECONDS * max(1.0, waited / PATIENCE))


async def _final(client: PrefectClient, run: UUID) -> FlowRun | None:
    """The run, if it has ended. One that is called crashed may object; then it is settled that it is lost."""
    found = await client.read_flow_run(run)
    if not found.state or not found.state.is_final():
        return None
    if not found.state.is_crashed():
        return found
    await asyncio.sleep(OBJECTION_SECONDS)
    found = await client.read_flow_run(run)
    if not found.state or not found.state.is_crashed():
        return None
    replaced = Crashed(name=REPLACED, message=found.state.message)
    await client.set_flow_run_state(run, replaced, force=True)
    return await client.read_flow_run(run)
