"""Prefect's API as tests use it: start a run, wait for its end, read its stages and artifacts."""

import base64
import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from tests.flows.conftest import Project

PATIENCE = 1200.0  # seconds for a run; about 60 on two idle cores
BUSY = 120.0  # seconds that a busy server may take, or is asked again for


@dataclass(frozen=True)
class Stage:
    """A stage in the graph of a pipeline run, with its pool."""

    name: str
    pool: str
    state: str
    message: str


def api(project: Project, path: str, body: dict[str, Any] | None = None, method: str | None = None) -> Any:
    url = f"http://127.0.0.1:{project.environment['EVA_PREFECT_PORT']}/api{path}"
    data = None if body is None else json.dumps(body).encode()
    signed = f"Basic {base64.b64encode(project.credential.encode()).decode()}"
    headers = {"Content-Type": "application/json", "Authorization": signed}
    request = urllib.request.Request(url, data, headers, method=method)
    deadline = time.monotonic() + BUSY
    while True:
        try:
            with urllib.request.urlopen(request, timeout=BUSY) as answer:
                return json.loads(answer.read() or "null")
        except urllib.error.HTTPError as error:
            # The server's SQLite was locked for too long. Prefect's own client asks again too.
            if error.code != 503 or time.monotonic() > deadline:
                raise
            time.sleep(1)


def run_deployment(project: Project, name: str = "pipeline/eva", **parameters: Any) -> dict[str, Any]:
    """Start a deployment and wait for its run to end."""
    return await_end(project, start_deployment(project, name, **parameters))


def start_deployment(project: Project, name: str = "pipeline/eva", **parameters: Any) -> dict[str, Any]:
    """Start a deployment."""
    deployment = api(project, f"/deployments/name/{name}")["id"]
    path = f"/deployments/{deployment}/create_flow_run"
    return dict(api(project, path, {"parameters": parameters}))


def await_end(project: Project, run: dict[str, Any]) -> dict[str, Any]:
    """The flow run, once it has ended."""
    deadline = time.monotonic() + PATIENCE
    while run["state"]["type"] not in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}:
        assert time.monotonic() < deadline, run["state"]
        time.sleep(0.5)
        run = api(project, f"/flow_runs/{run['id']}")
    return dict(run)


def stages_of(project: Project, pipeline: dict[str, Any]) -> list[Stage]:
    """The nodes of a pipeline run's graph."""
    runs = api(project, "/task_runs/filter", {"flow_runs": {"id": {"any_": [pipeline["id"]]}}})
    return [
        Stage(run["name"], run["tags"][0], run["state"]["name"], run["state"]["message"] or "")
        for run in runs
        if run["tags"]
    ]


def said_by(project: Project, run: dict[str, Any]) -> str:
    """The log of a flow run."""
    lines = api(project, "/logs/filter", {"logs": {"flow_run_id": {"any_": [run["id"]]}}, "limit": 200})
    return "\n".join(line["message"] for line in lines)


def said_by_stages(project: Project, pipeline: dict[str, Any]) -> set[tuple[str, str]]:
    """The log of a pipeline run's graph: stages and their lines."""
    chosen = {"flow_runs": {"id": {"any_": [pipeline["id"]]}}}
    nodes = {run["id"]: run["name"] for run in api(project, "/task_runs/filter", chosen) if run["tags"]}
    lines = api(project, "/logs/filter", {"logs": {"flow_run_id": {"any_": [pipeline["id"]]}}})
    return {(nodes[line["task_run_id"]], line["message"]) for line in lines if line["task_run_id"] in nodes}


def artifact(project: Project, key: str) -> Any:
    return api(project, f"/artifacts/{key}/latest")["data"]
