"""Prefect work pools and their workers; the address of Prefect comes from `PREFECT_API_URL`."""

import os
import sys
from contextlib import suppress

from eva.hosts.run_folder import GIT_REMOTE

LIMITS = {
    "cpu": 8,  # flow runs at once; up to five of them only wait for others that they started
    "gpu": 1,  # two trainings would compete for the memory of one device
}

# Of a checkout's own workers. Runs for workers on other hosts are in queues named after their packages.
CHECKOUT_QUEUE = "checkout"
QUEUES = ("default", CHECKOUT_QUEUE)


def worker_name(pool: str) -> str:
    """The name of the worker of a pool."""
    return f"worker-{pool}"


def worker_argv(pool: str) -> list[str]:
    """The command that starts the worker of a pool."""
    worker = ["worker", "start", "--type", "process", "--pool", pool, "--name", worker_name(pool)]
    queues = [word for queue in QUEUES for word in ("--work-queue", queue)]
    return [sys.executable, "-m", "prefect", *worker, *queues, "--install-policy", "never"]


def ensure() -> None:
    """Create every pool; if it exists, set its limit. Other hosts' workers have limits of their own."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectAlreadyExists
    from prefect.workers.process import ProcessWorker

    template = ProcessWorker.get_default_base_job_template()
    shared = GIT_REMOTE in os.environ
    with get_client(sync_client=True) as client:
        for name, limit in LIMITS.items():
            pool = WorkPoolCreate(
                name=name,
                type="process",
                base_job_template=template,
                concurrency_limit=None if shared else limit,
            )
            client.create_work_pool(pool, overwrite=True)
            with suppress(ObjectAlreadyExists):
                client.create_work_queue(CHECKOUT_QUEUE, work_pool_name=name)


def online(pool: str) -> bool:
    """Whether a worker of the pool is online, that is, has reported within the last 30 seconds."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        return any(worker.status == "ONLINE" for worker in client.read_workers_for_work_pool(pool))


def cancel_open_runs() -> None:
    """Mark flow runs of stopped workers as cancelled; they would otherwise count as running for ever."""
    from prefect.client.orchestration import get_client
    from prefect.states import Cancelled

    from flows.lost_runs import open_runs

    with get_client(sync_client=True) as client:
        for run in open_runs(client):
            client.set_flow_run_state(run.id, Cancelled(message="the services were stopped"), force=True)
