"""A real Prefect server, MLflow server and workers: the stages run where and as often as they should."""

import base64
import json
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.flows.conftest import STAGES, Project

pytestmark = pytest.mark.slow


PATIENCE = 400.0  # seconds for a run; about 60 on two idle cores
BUSY = 60.0  # seconds that a busy server is asked again for


@dataclass(frozen=True)
class Stage:
    """A stage in the graph of a pipeline run, with its pool."""

    name: str
    pool: str
    state: str
    message: str


def api(project: Project, path: str, body: dict[str, Any] | None = None) -> Any:
    url = f"http://127.0.0.1:{project.environment['EVA_PREFECT_PORT']}/api{path}"
    data = None if body is None else json.dumps(body).encode()
    signed = f"Basic {base64.b64encode(project.credential.encode()).decode()}"
    headers = {"Content-Type": "application/json", "Authorization": signed}
    request = urllib.request.Request(url, data, headers)
    deadline = time.monotonic() + BUSY
    while True:
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            # The server's SQLite was locked for too long. Prefect's own client asks again too.
            if error.code != 503 or time.monotonic() > deadline:
                raise
            time.sleep(1)


def run_deployment(project: Project, name: str = "pipeline/eva", **parameters: Any) -> dict[str, Any]:
    """Start a deployment and wait for its run to end."""
    deployment = api(project, f"/deployments/name/{name}")["id"]
    run = api(project, f"/deployments/{deployment}/create_flow_run", {"parameters": parameters})
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


def artifact(project: Project, key: str) -> Any:
    return api(project, f"/artifacts/{key}/latest")["data"]


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

    failed = run_deployment(served)

    assert failed["state"]["type"] == "FAILED"
    assert "stage.py: no supervised tokens in models/sft-esconv-1.txt" in failed["state"]["message"]
    status = {row["stage"]: row["status"] for row in json.loads(artifact(served, "stages"))}
    assert status["sft@esconv-1"] == "failed"
    assert status["generate@esconv-1"] == status["report"] == "not run"
    assert status["generate@esconv-2"] in ("ran", "unchanged")
    assert served.journal().count("metrics/report.json") == 1


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
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = Path("/usr/bin/chromium")
    if not chromium.exists():
        pytest.skip("no /usr/bin/chromium to look at the page with")
    port = served.environment["EVA_PREFECT_PORT"]
    switches = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    switches += ["--disable-component-update", "--disable-sync"]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium), args=switches)
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.goto(f"http://127.0.0.1:{port}/", wait_until="commit")
        page.locator("input").first.fill(served.credential)
        page.keyboard.press("Enter")
        page.get_by_text("Dashboard").first.wait_for(timeout=120_000)
        page.goto(f"http://127.0.0.1:{port}/runs/flow-run/{first_run['id']}", wait_until="commit")
        page.get_by_text("tiny_llama on esconv").first.wait_for(timeout=120_000)
        page.get_by_text("Task Runs", exact=True).first.click()
        for name in ("sft@esconv-1", "sft@esconv-2", "generate@esconv-1", "generate@esconv-2"):
            page.get_by_text(name).first.wait_for(timeout=120_000)
        browser.close()
