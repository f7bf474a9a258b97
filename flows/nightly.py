"""The flow `nightly`: check the data, run what has changed, check all stored files, judge the model again."""

import asyncio
import subprocess
import sys
from pathlib import Path

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE

from flows.environment import stage_environment
from flows.pipeline import Retries, pipeline
from flows.stage import StageError


@flow(name="nightly", persist_result=False)
async def nightly(retries: Retries = 0) -> None:
    """Validate the data again, bring the DAG up to date, verify stored files, and pass the gate again.

    Args:
        retries: How often a failed stage is tried again; training resumes where it stopped.
    """
    for title, options in (
        ("validate the data again", {"targets": ["validate"], "force": True}),
        ("run what has changed", {}),
    ):
        await pipeline.with_options(flow_run_name=title)(retries=retries, **options)
    await asyncio.to_thread(verify)
    await pipeline.with_options(flow_run_name="judge the model again")(targets=["register"], force=True)


@task(name="verify", task_run_name="eva verify", cache_policy=NO_CACHE, persist_result=False)
def verify() -> None:
    """Compare all stored files with their digests (`eva verify`).

    Raises:
        StageError: a file differs; the message names each.
    """
    command = [sys.executable, "-m", "eva", "verify"]
    done = subprocess.run(
        command, env=stage_environment(None), cwd=Path.cwd(), capture_output=True, text=True, check=False
    )
    for line in done.stdout.splitlines():
        get_run_logger().info(line)
    if done.returncode != 0:
        raise StageError(f"eva verify:\n{done.stderr.strip()}")
