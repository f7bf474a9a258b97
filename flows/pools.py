"""Prefect work pools and their workers; the address of Prefect comes from `PREFECT_API_URL`."""

import sys

LIMITS = {
    "cpu": 8,  # flow runs at once; up to five of them only wait for others that they started
    "gpu": 1,  # two trainings would compete for the memory of one device
}


def worker_name(pool: str) -> str:
    """The name of the worker of a pool."""
    return f"worker-{pool}"


def worker_argv(pool: str) -> list[str]:
    """The command that starts the worker of a pool."""
    worker = ["worker", "start", "--type", "process", "--pool", pool, "--name", worker_name(pool)]
    return [sys.executable, "-m", "prefect", *worker, "--install-policy", "never"]


def ensure() -> None:
    """Create every pool; if it exists, set its limit."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.workers.process import ProcessWorker

    template = ProcessWorker.get_default_base_job_template()
    with get_client(sync_client=True) as client:
        for name, limit in LIMITS.items():
            pool = WorkPoolCreate(
                name=name, type="process", base_job_template=template, concurrency_limit=limit
            )
            client.create_work_pool(pool, overwrite=True)


def online(pool: str) -> bool:
    """Whether a worker of the pool is online, that is, has reported within the last 30 seconds."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        return any(worker.status == "ONLINE" for worker in client.read_workers_for_work_pool(pool))


def cancel_open_runs() -> None:
    """Mark flow runs of stopped workers as cancelled; they would otherwise count as running for ever."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
    from prefect.client.schemas.objects import StateType
    from prefect.states import Cancelled

    open_types = [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING]
    chosen = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=open_types)))
    with get_client(sync_client=True) as client:
        for run in client.read_flow_runs(flow_run_filter=chosen):
            client.set_flow_run_state(run.id, Cancelled(message="the services were stopped"), force=True)
