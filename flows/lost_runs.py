"""Finding flow runs whose process is gone: by their heartbeats, and by a look at this host's processes."""

from datetime import timedelta
from typing import Any

import psutil
from prefect.automations import AutomationCore
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import EventTrigger, Posture
from prefect.states import Crashed

NAME = "Runs without a heartbeat are lost"
FLOW = "run-stages"
SILENT_SECONDS = 90
RUN_ID = "PREFECT__FLOW_RUN_ID"  # in the environment of every process of a flow run
OPEN = [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING]
ENDS = ("Completed", "Failed", "Cancelled", "Crashed")


def ensure_automation() -> None:
    """Let the server mark runs of stages as crashed that have been silent for 90 seconds.

    Other runs, which nobody replaces, go on after an outage of the server: marked, they would lose the
    place that keeps a second pipeline out of their checkout.
    """
    beat = "prefect.flow-run.heartbeat"
    trigger = EventTrigger(
        after={beat},
        expect={beat, *(f"prefect.flow-run.{end}" for end in ENDS)},
        match={"prefect.resource.id": ["prefect.flow-run.*"]},
        match_related={"prefect.resource.role": "flow", "prefect.resource.name": FLOW},
        for_each={"prefect.resource.id"},
        posture=Posture.Proactive,
        threshold=1,
        within=timedelta(seconds=SILENT_SECONDS),
    )
    told = f"no heartbeat for {SILENT_SECONDS} seconds: its host or its process is gone, or suspended"
    action = ChangeFlowRunState(state=StateType.CRASHED, message=told)
    wanted = AutomationCore(name=NAME, description=told, trigger=trigger, actions=[action])
    with get_client(sync_client=True) as client:
        for found in client.read_automations_by_name(NAME):
            wanted.enabled = found.enabled
            client.delete_automation(found.id)
        client.create_automation(wanted)


def open_runs(client: Any) -> list[FlowRun]:
    """The flow runs that are not scheduled any more and have not ended."""
    chosen = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=OPEN)))
    found: list[FlowRun] = client.read_flow_runs(flow_run_filter=chosen)
    return found


def reconcile(queues: tuple[str, ...]) -> list[str]:
    """End runs of these work queues that no process of this host works on; returns their names.

    A server that died left them open; they would hold their slots for ever.
    """
    alive = _runs_of_processes()
    with get_client(sync_client=True) as client:
        gone = [r for r in open_runs(client) if r.work_queue_name in queues and str(r.id) not in alive]
        for run in gone:
            told = "its process was gone when the services were started"
            client.set_flow_run_state(run.id, Crashed(message=told), force=True)
    return [run.name for run in gone]


def _runs_of_processes() -> set[str]:
    found = set()
    for process in psutil.process_iter():
        try:
            found.add(process.environ().get(RUN_ID, ""))
        except psutil.Error:  # it ended, or is another user's
            continue
    return found
