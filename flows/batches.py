"""Submitting batches of stages to a pool, and reading from Prefect how they ended."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

from prefect import Flow, get_run_logger
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterParentFlowRunId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType, TaskRun
from prefect.deployments.flow_runs import arun_deployment
from prefect.states import Cancelling

from flows import reports
from flows.environment import stage_environment
from flows.handover import Handover, merge_entries
from flows.hosts import workers_for
from flows.lost_runs import OPEN
from flows.paging import read_all
from flows.preloaded import checkout_variables
from flows.stage import Children, Log, StageError, pull
from flows.summary import StageRow
from flows.waiting import ended


async def run_batch(
    pool: str, batch: tuple[str, ...], options: dict[str, Any], handover: Handover | None
) -> list[StageRow]:
    """Run a batch on its pool, wait until it ends, and bring its outputs here if it ran elsewhere.

    Stages of a run that got lost are given to another run, once.
    """
    async with workers_for(pool, batch, options.get("hosts", 1), handover):
        return await _run_batch(pool, batch, options, handover)


async def _run_batch(
    pool: str, batch: tuple[str, ...], options: dict[str, Any], handover: Handover | None
) -> list[StageRow]:
    lost, rows = await _attempt(pool, batch, options, handover)
    left = tuple(row.stage for row in rows if not row.completed)
    if not lost or not left:
        return rows
    get_run_logger().warning("the run on pool %s was lost; once more: %s", pool, ", ".join(left))
    _, again = await _attempt(pool, left, options, handover)
    return [row for row in rows if row.completed] + again


async def _attempt(
    pool: str, batch: tuple[str, ...], options: dict[str, Any], handover: Handover | None
) -> tuple[bool, list[StageRow]]:
    """Whether the flow run got lost, and how the stages ended."""
    get_run_logger().info("to pool %s: %s", pool, ", ".join(batch))
    submitted = await arun_deployment(
        f"run-stages/{pool}",
        flow_run_name=f"{pool}: {batch[0]}" + (f" and {len(batch) - 1} more" if batch[1:] else ""),
        timeout=0,
        **_submission(batch, options, handover),
    )
    run = await ended(submitted.id)
    rows = await read_rows(run, pool, batch)
    if handover:
        rows = await asyncio.to_thread(_take_back, rows, get_run_logger())
    return bool(run.state and run.state.is_crashed()), rows


def _submission(batch: tuple[str, ...], options: dict[str, Any], handover: Handover | None) -> dict[str, Any]:
    parameters = {"stages": list(batch), **options}
    if handover is None:  # where this run works
        return {"parameters": parameters, "job_variables": {"env": checkout_variables()}}
    present = handover.refreshed(Path.cwd())
    parameters = {**parameters, "handover": present.model_dump()}
    return {
        "parameters": parameters, "work_queue_name": present.queue, "job_variables": present.job_variables
    }  # fmt: skip


def _take_back(rows: list[StageRow], log: Log) -> list[StageRow]:
    """Enter into `dvc.lock` what the stages made, and bring their outputs from the DVC remote.

    Stages whose outputs cannot be had count as failed.
    """
    made = {row.stage: row.entry for row in rows if row.entry}
    if not made:
        return rows
    merge_entries(Path.cwd(), made)
    try:
        with Children() as children:
            pull(list(made), stage_environment(None), children, log)
    except StageError as error:
        return [replace(row, outcome="Failed", message=str(error)) if row.entry else row for row in rows]
    return rows


async def read_rows(run: FlowRun, pool: str, batch: tuple[str, ...]) -> list[StageRow]:
    """The result of each stage of a batch that has ended, including stages that never started."""
    done = await reports.read(run)
    tasks = {task.name: task for task in await _task_runs(run)}
    ended = run.state.message if run.state else None
    return [
        done[name].row(pool) if name in done else _row(name, pool, tasks.get(name), ended or "")
        for name in batch
    ]


async def _task_runs(run: FlowRun) -> list[TaskRun]:
    chosen = FlowRunFilter(id=FlowRunFilterId(any_=[run.id]))
    async with get_client() as client:
        return await read_all(client.read_task_runs, flow_run_filter=chosen)


def _row(name: str, pool: str, task: TaskRun | None, ended: str) -> StageRow:
    """The result of a stage that has reported no success."""
    state = task.state if task else None
    if task is None or state is None:
        return StageRow(name, pool, "Failed", 0.0, f"stage {name} never started: {ended}")
    if state.is_pending():
        return StageRow(name, pool, "Not run", 0.0)
    told = (state.message or ended).removeprefix("Task run encountered an exception StageError: ")
    return StageRow(name, pool, "Failed", task.total_run_time.total_seconds(), told)


def stop_batches(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Hook of `pipeline`: cancel the flow runs that a run has submitted and does not wait for any more."""
    children = FlowRunFilter(
        parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[flow_run.id]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED, *OPEN])),
    )
    with get_client(sync_client=True) as client:
        for child in client.read_flow_runs(flow_run_filter=children):
            client.set_flow_run_state(child.id, Cancelling(message="the pipeline run ended"))
