"""The graph of a pipeline run: one node for each stage, with its state, its progress and its log.

Stages run in batches, which are flow runs of their own. So that the pipeline's own run shows them, it has a
task run for each stage (its node), which the batch keeps up to date. A server that is away only delays what
is shown: no stage fails because of it.
"""

import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from prefect import Flow, Task
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId, TaskRunFilter, TaskRunFilterName
from prefect.client.schemas.objects import FlowRun, State, TaskRun, TaskRunResult
from prefect.logging.handlers import APILogHandler
from prefect.runtime import flow_run as present
from prefect.states import Cancelled, Completed, Failed, Pending, Running

from flows.dag import StageNode
from flows.paging import read_all
from flows.stage import Log
from flows.summary import StageRow

LEFT = re.compile(r"^(?:\d\d:\d\d:\d\d )?(.*\d s left)$")  # how stages say how far they are
EVERY = 5.0  # seconds between two updates of a node
STAGE: Task[..., None] = Task(lambda: None, name="stage of the DAG")
STAGE.task_key = "stage-of-the-dag"  # Prefect's own depends on this file's path, which differs in a clone


@dataclass
class Shown:
    """A stage as it runs: `log` goes to its node, too; set `outcome` when it has ended well."""

    log: Log
    outcome: str = ""


async def draw(nodes: tuple[StageNode, ...]) -> None:
    """Give the present flow run a node for each stage, joined as in the DAG."""
    drawn: dict[str, UUID] = {}
    async with get_client() as client:
        for node in nodes:
            before = [TaskRunResult(id=drawn[name]) for name in node.upstream if name in drawn]
            run = await client.create_task_run(
                STAGE,
                UUID(present.id),
                dynamic_key=node.name,
                name=node.name,
                extra_tags=[node.pool],
                state=Pending(message=f"waits for pool {node.pool}"),
                task_inputs={"after": before},
            )
            drawn[node.name] = run.id


async def read_nodes(pipeline: UUID) -> dict[str, TaskRun]:
    """The nodes of a pipeline run by the name of their stage."""
    async with get_client() as client:
        found = await read_all(client.read_task_runs, flow_run_filter=_of(pipeline))
    return {run.name: run for run in found if run.task_key == STAGE.task_key}


@contextmanager
def shown(stage: str, own: Log) -> Iterator[Shown]:
    """Show a stage in the pipeline's run while it runs in a batch; `own` is the log of the batch."""
    log = logging.Logger(stage)
    log.addHandler(_Forward(own))
    pipeline = present.parent_flow_run_id
    node = _find(UUID(pipeline), stage) if pipeline else None
    if node is None:  # the batch was started by hand
        yield Shown(log)
        return
    log.addHandler(_ToNode(UUID(pipeline), node))
    _set_state(node, Running())
    try:
        yield (running := Shown(log))
    except BaseException as error:
        _set_state(node, Failed(message=str(error)))
        raise
    _set_state(node, Completed(name=running.outcome))


async def settle(rows: list[StageRow]) -> None:
    """Give final states to the nodes of stages that have not said themselves how they ended."""
    by_name = {row.stage: row for row in rows}
    nodes = await read_nodes(UUID(present.id))
    async with get_client() as client:
        for name, node in nodes.items():
            if node.state is None or not node.state.is_final():
                await client.set_task_run_state(node.id, _final(by_name.get(name)), force=True)


async def close(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Hook of `pipeline`: no node of a run that has ended stays open."""
    nodes = await read_nodes(flow_run.id)
    async with get_client() as client:
        for node in nodes.values():
            if not (node.state and node.state.is_final()):
                ended = Cancelled(message="the pipeline run ended")
                await client.set_task_run_state(node.id, ended, force=True)


def _final(row: StageRow | None) -> State[Any]:
    if row is None or row.outcome == "Not run":
        return Cancelled(name="Not run", message="a stage before it failed")
    return Completed(name=row.outcome) if row.completed else Failed(message=row.message)


def _of(pipeline: UUID) -> FlowRunFilter:
    return FlowRunFilter(id=FlowRunFilterId(any_=[pipeline]))


def _find(pipeline: UUID, stage: str) -> UUID | None:
    named = TaskRunFilter(name=TaskRunFilterName(any_=[stage]))
    try:
        with get_client(sync_client=True) as client:
            found = client.read_task_runs(flow_run_filter=_of(pipeline), task_run_filter=named)
    except Exception:  # whatever it is, the stage goes on
        return None
    return next((run.id for run in found if run.task_key == STAGE.task_key), None)


def _set_state(node: UUID, state: State[Any]) -> None:
    try:
        with get_client(sync_client=True) as client:
            client.set_task_run_state(node, state, force=True)
    except Exception:  # whatever it is, the stage goes on
        logging.getLogger(__name__).debug("the node %s was not updated", node, exc_info=True)


class _Forward(logging.Handler):
    """Passes records on to another log."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        self._log.log(record.levelno, record.getMessage())


class _ToNode(logging.Handler):
    """Sends records to a node's log; what a stage says about its progress becomes the node's state."""

    def __init__(self, pipeline: UUID, node: UUID) -> None:
        super().__init__()
        self._pipeline, self._node = pipeline, node
        self._prefect = APILogHandler()
        self._updated = time.monotonic()

    def emit(self, record: logging.LogRecord) -> None:
        record.flow_run_id, record.task_run_id = self._pipeline, self._node
        self._prefect.emit(record)
        progress = LEFT.match(record.getMessage())
        if progress and time.monotonic() > self._updated + EVERY:
            self._updated = time.monotonic()
            _set_state(self._node, Running(message=progress[1]))
