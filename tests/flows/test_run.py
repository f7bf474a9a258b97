"""A real Prefect server, MLflow server and workers: the stages run where and as often as they should."""

import json
import queue
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.error import HTTPError

import pytest
from tests.flows.conftest import STAGES, Project
from tests.flows.pages import signed_in
from tests.flows.prefect_api import api, artifact, run_deployment, said_by, stages_of, start_deployment

pytestmark = pytest.mark.slow


@contextmanager
def messages(project: Project) -> Iterator["queue.Queue[Any]"]:
    """What Prefect's server posts to EVA_NOTIFY_URL meanwhile."""
    told: queue.Queue[Any] = queue.Queue()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

    port = int(project.environment["EVA_NOTIFY_URL"].rpartition(":")[2])
    server = HTTPServer(("127.0.0.1", port), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def first_run(served: Project) -> dict[str, Any]:
    return run_deployment(served)


def test_each_stage_once_and_on_its_pool(served: Project, first_run: dict[str, Any]) -> None:
    assert first_run["state"]["type"] == "COMPLETED", first_run["state"]["message"]
    stages = stages_of(served, first_run)

    assert sorted((s.name, s.pool) for s in stages) == sorted(STAGES.items())
    assert {s.state for s in stages} == {"Ran"}
    assert len(served.journal()) == len(set(served.journal())) == len(STAGES)
    assert served.open_at_once("models") == 1


def test_a_stage_knows_its_flow_run(served: Project, first_run: dict[str, Any]) -> None:
    known = json.loads((served.folder / "pipeline_run").read_text())

    assert (known["key"], known["name"]) == (first_run["id"], first_run["name"])
    assert (
        known["url"]
        == f"http://127.0.0.1:{served.environment['EVA_PREFECT_PORT']}/runs/flow-run/{known['key']}"
    )


def test_artifacts_tell_what_was_done(served: Project, first_run: dict[str, Any]) -> None:
    table = json.loads(artifact(served, "stages"))

    assert {row["stage"]: row["pool"] for row in table} == STAGES
    assert {row["status"] for row in table} == {"ran"}
    assert all(row["seconds"] > 0 for row in table)
    assert "| esconv smollm2 eva | 3.1 |" in artifact(served, "comparison")
    assert artifact(served, "progress") == 100


def test_the_graph_is_that_of_dvc_and_shows_each_stage_s_log(
    served: Project, first_run: dict[str, Any]
) -> None:
    chosen = {"flow_runs": {"id": {"any_": [first_run["id"]]}}}
    nodes = {run["id"]: run for run in api(served, "/task_runs/filter", chosen) if run["tags"]}
    edges = {
        run["name"]: {nodes[before["id"]]["name"] for before in run["task_inputs"]["after"]}
        for run in nodes.values()
    }
    logs = api(served, "/logs/filter", {"logs": {"flow_run_id": {"any_": [first_run["id"]]}}})
    said = {
        (nodes[log["task_run_id"]]["name"], log["message"]) for log in logs if log["task_run_id"] in nodes
    }

    assert edges["report"] == {"generate@esconv-1", "generate@esconv-2"}
    assert edges["sft@esconv-1"] == {"prepare@esconv"}
    assert ("sft@esconv-1", "making models/sft-esconv-1.txt") in said


def test_a_second_run_runs_nothing(served: Project, first_run: dict[str, Any]) -> None:
    before = served.journal()

    second = run_deployment(served)

    assert second["state"]["type"] == "COMPLETED"
    assert {s.state for s in stages_of(served, second)} == {"Unchanged"}
    assert served.journal() == before


def test_a_failing_stage_stops_what_follows_it_only(served: Project, first_run: dict[str, Any]) -> None:
    (served.folder / "fails").write_text("models/sft-esconv-1.txt")

    with messages(served) as told:
        failed = run_deployment(served)
        assert "EVA: pipeline Failed" in told.get(timeout=60)["text"]

    assert failed["state"]["type"] == "FAILED"
    assert "stage.py: no supervised tokens in models/sft-esconv-1.txt" in failed["state"]["message"]
    status = {row["stage"]: row["status"] for row in json.loads(artifact(served, "stages"))}
    assert status["sft@esconv-1"] == "failed"
    assert status["generate@esconv-1"] == status["report"] == "not run"
    assert status["generate@esconv-2"] in ("ran", "unchanged")
    assert served.journal().count("metrics/report.json") == 1


def test_wrong_settings_are_refused_before_any_stage(served: Project, first_run: dict[str, Any]) -> None:
    path = served.folder / "params.yaml"
    right = path.read_text()
    path.write_text(right.replace("corpora: [", "corpora: [nobody, ", 1).replace("beta: 0.1", "beta: -1", 1))

    refused = run_deployment(served)

    path.write_text(right)
    assert refused["state"]["type"] == "FAILED"
    assert "params.yaml: 2 problems" in refused["state"]["message"], refused["state"]["message"]
    assert "dpo.beta" in refused["state"]["message"] and "nobody" in refused["state"]["message"]
    assert stages_of(served, refused) == []
    assert "Traceback" not in said_by(served, refused)


def test_a_pool_that_nobody_serves_is_refused_before_any_stage(
    served: Project, first_run: dict[str, Any]
) -> None:
    """A training on it would otherwise wait there, after all that comes before it."""
    path = served.folder / "dvc.yaml"
    right = path.read_text()
    path.write_text(right.replace("pool: gpu", "pool: spare", 1).replace("pool: gpu", "pool: none", 1))
    flow = api(served, "/deployments/name/run-stages/cpu")["flow_id"]
    api(served, "/work_pools/", {"name": "spare", "type": "process"})
    spare = {"name": "spare", "flow_id": flow, "work_pool_name": "spare"}
    made = api(served, "/deployments/", spare)

    refused = run_deployment(served)

    path.write_text(right)
    api(served, f"/deployments/{made['id']}", method="DELETE")
    told = refused["state"]["message"]
    assert "no worker of pool 'spare' is online" in told and "`make up` starts one" in told
    assert "pool 'none', but prefect.yaml has no deployment for it" in told
    assert stages_of(served, refused) == []


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("pipeline/eva", {"retries": 9}),
        ("pipeline/eva", {"targets": ["report; rm -r data"]}),
        ("run-stages/gpu", {"stages": ["report"], "at_once": 0}),
        ("nightly/eva", {"retries": -1}),
        ("sweep/paper-grid", {"learning_rates": []}),
        ("sweep/paper-grid", {"section": "matrix"}),
    ],
)
def test_parameters_out_of_bounds_make_no_run(served: Project, name: str, wrong: dict[str, Any]) -> None:
    with pytest.raises(HTTPError, match="HTTP Error 4"):
        start_deployment(served, name, **wrong)


def test_a_stage_of_another_pool_is_refused(served: Project, first_run: dict[str, Any]) -> None:
    refused = run_deployment(served, "run-stages/cpu", stages=["sft@esconv-1"])

    assert refused["state"]["type"] == "FAILED"
    assert "stage sft@esconv-1 has pool gpu" in refused["state"]["message"]


def test_the_printed_command_starts_a_run(served: Project, first_run: dict[str, Any]) -> None:
    """Last of the runs; its target fails before anything is submitted."""
    shown = served.run("-m", "flows.services", "up").stdout.splitlines()
    line = next(line for line in shown if "deployment run" in line)
    command = f"{line.strip()} --param 'targets=[\"stf\"]'"
    done = subprocess.run(
        ["bash", "-c", command], env=served.environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    runs = api(served, "/flow_runs/filter", {"flows": {"name": {"any_": ["pipeline"]}}})
    (failed,) = [run for run in runs if run["id"] in done.stdout]
    assert failed["state"]["type"] == "FAILED"
    assert "no stage 'stf'" in failed["state"]["message"]
    assert stages_of(served, failed) == []


def test_parameters_are_typed_and_described(served: Project, first_run: dict[str, Any]) -> None:
    deployments = api(served, "/deployments/filter", {})
    schema = {
        f"{d['entrypoint'].partition(':')[2]}/{d['name']}": d["parameter_openapi_schema"]["properties"]
        for d in deployments
    }

    assert {name: d["work_pool_name"] for name, d in zip(schema, deployments, strict=True)} == {
        "pipeline/eva": "cpu", "ablations/eva": "cpu", "sweep/paper-grid": "cpu", "nightly/eva": "cpu",
        "collect/collect": "cpu",
        "run_stages/cpu": "cpu", "run_stages/gpu": "gpu",
    }  # fmt: skip
    assert all("description" in entry for properties in schema.values() for entry in properties.values())
    assert all(d["version"] and d["tags"] and d["description"] for d in deployments)
    assert schema["pipeline/eva"]["targets"]["type"] == "array"
    assert schema["pipeline/eva"]["retries"]["maximum"] == 3
    assert schema["pipeline/eva"]["force"]["type"] == "boolean"


def test_a_browser_shows_the_stages(served: Project, first_run: dict[str, Any]) -> None:
    with signed_in(served) as page:
        page.goto(f"/runs/flow-run/{first_run['id']}", wait_until="commit")
        page.get_by_text("tiny_llama on esconv").first.wait_for()
        page.get_by_text("Task Runs", exact=True).first.click()
        for name in ("sft@esconv-1", "sft@esconv-2", "generate@esconv-1", "generate@esconv-2"):
            page.get_by_text(name).first.wait_for()
