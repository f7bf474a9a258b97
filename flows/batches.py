"""Reading from Prefect how the submitted batches of stages ended, and cancelling them."""

from typing import Any

from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId, FlowRunFilterParentFlowRunId
from prefect.client.schemas.objects import FlowRun, State, TaskRun
from prefect.states import Cancelling

from flows.summary import StageRow

PAGE = 200  # the most entries that Prefect's API returns at once


async def read_rows(run: FlowRun, pool: str, batch: tuple[str, ...]) -> list[StageRow]:
    """The result of each stage of a batch that has ended, including stages that never started."""
    tasks = {task.name: task for task in await _task_runs(run)}
    ended = run.state.message if run.state else None
    return [_row(name, pool, tasks.get(name), ended or "") for name in batch]


async def _task_runs(run: FlowRun) -> list[TaskRun]:
    found: list[TaskRun] = []
    chosen = FlowRunFilter(id=FlowRunFilterId(any_=[run.id]))
    async with get_client() as client:
        while True:
            page = await client.read_task_runs(flow_run_filter=chosen, limit=PAGE, offset=len(found))
            found.extend(page)
            if len(page) < PAGE:
                return found


def _row(name: str, pool: str, task: TaskRun | None, ended: str) -> StageRow:
    state = task.state if task else None
    if task is None or state is None:
        return StageRow(name, pool, "Failed", 0.0, f"stage {name} never started: {ended}")
    seconds = task.total_run_time.total_seconds()
    if state.is_completed():
        return StageRow(name, pool, state.name or "Ran", seconds)
    if state.is_pending():
        return StageRow(name, pool, "Not run", 0.0)
    return StageRow(name, pool, "Failed", seconds, state.message or ended)


def stop_batches(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Hook of `pipeline`: cancel the flow runs that a cancelled or crashed run has submitted."""
    children = FlowRunFilter(parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[flow_run.id]))
    with get_client(sync_client=True) as client:
        for child in client.read_flow_runs(flow_run_filter=children):
            if child.state and not child.state.is_final():
                client.set_flow_run_state(child.id, Cancelling(message="the pipeline run ended"))
