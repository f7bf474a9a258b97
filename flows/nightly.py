"""The flow `nightly`: check the data, run what has changed, check all stored files, judge the model again."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE

from flows.endings import plain
from flows.eva_command import run_eva
from flows.pipeline import Retries, pipeline
from flows.registration import STAGE
from flows.stage import StageError


def _name() -> str:
    return f"nightly, {datetime.now(UTC):%Y-%m-%d}"


@flow(name="nightly", flow_run_name=_name, persist_result=False)
@plain
async def nightly(retries: Retries = 0) -> None:
    """Validate the data again, bring the DAG up to date, verify stored files, and pass the gate again.

    Args:
        retries: How often a failed stage is tried again; training resumes where it stopped.
    """
    await _run("validate the data again", targets=["validate"], force=True, retries=retries)
    await _run("run what has changed", retries=retries)
    await asyncio.to_thread(verify)
    await _run("judge the model again", targets=[STAGE], force=True)


async def _run(title: str, **options: Any) -> None:
    state = await pipeline.with_options(flow_run_name=title)(**options, return_state=True)
    if not state.is_completed():
        raise StageError(f"{title}: {state.message}")


@task(name="verify", task_run_name="eva verify", cache_policy=NO_CACHE, persist_result=False)
def verify() -> None:
    """Compare all stored files with their digests (`eva verify`).

    Raises:
        StageError: a file differs; the message names each.
    """
    for line in run_eva("verify").splitlines():
        get_run_logger().info(line)
