"""A real server and two workers in folders of their own, which share nothing but addresses."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from flows import processes
from tests.flows.conftest import STAGES
from tests.flows.prefect_api import (
    api,
    artifact,
    await_end,
    run_deployment,
    said_by_stages,
    start_deployment,
)  # fmt: skip
from tests.flows.team import Team, git, make_team

pytestmark = pytest.mark.slow
# Seconds between two looks whether a place is free; 30 as Prefect has it.
WAITS = {
    "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "3",
    "PREFECT_SERVER_CONCURRENCY_MAXIMUM_CONCURRENCY_SLOT_WAIT_SECONDS": "3",
}


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[Team]:
    team = make_team(tmp_path_factory.mktemp("team"), root)
    team.caller.environment.update(WAITS)
    try:
        start_services(team)
        yield team
    finally:
        team.stop()
        team.caller.run("-m", "flows.services", "down")


def hosts_of(team: Team) -> set[str]:
    return {name for name in team.workers if list((team.hosts / name / "home" / "runs").glob("*"))}


def test_a_pool_without_a_worker_that_can_fetch_the_commit_is_refused_at_submission(team: Team) -> None:
    """The worker there is has the same packages, but fetches from another repository."""
    another = team.hosts / "another"
    shutil.copytree(team.caller.folder, another, ignore=shutil.ignore_patterns(".git", ".eva"))
    git(another, "init", "--quiet", "--initial-branch=main")
    git(another, "add", "--all")
    git(another, "commit", "--quiet", "--message", "another project")
    team.start("stranger", "cpu", EVA_GIT_REMOTE=str(another))
    team.await_workers("cpu")

    refused = run_deployment(team.caller)

    assert refused["state"]["type"] == "FAILED"
    message = refused["state"]["message"]
    assert "no worker of pool 'cpu' is online that has the packages of constraints.txt" in message
    assert "fetches from a repository of this project" in message
    assert "start `eva worker --pool gpu`" in message
    assert team.caller.journal() == []
    team.kill("stranger")


def test_two_hosts_finish_the_dag_and_each_stage_runs_once(team: Team) -> None:
    team.start("one", "cpu")
    team.start("two", "gpu")
    team.await_workers("cpu", "gpu")

    first = run_deployment(team.caller)

    assert first["state"]["type"] == "COMPLETED", first["state"]["message"]
    assert sorted(team.caller.journal()) == sorted(set(team.caller.journal()))
    assert len(team.caller.journal()) == len(STAGES)
    assert hosts_of(team) == {"one", "two"}
    assert ("report", "making metrics/report.json") in said_by_stages(team.caller, first)
    assert {row["status"] for row in json.loads(artifact(team.caller, "stages"))} == {"ran"}
    assert (team.caller.folder / "metrics" / "report.json").is_file()
    assert "up to date" in dvc_status(team)


def test_a_second_run_restores_everything(team: Team) -> None:
    before = team.caller.journal()
    for name in ("models", "responses"):
        subprocess.run(["rm", "-r", str(team.caller.folder / name)], check=True)

    second = run_deployment(team.caller)

    assert second["state"]["type"] == "COMPLETED", second["state"]["message"]
    assert team.caller.journal() == before
    assert "up to date" in dvc_status(team)


def dvc_status(team: Team) -> str:
    done = team.caller.run("-m", "dvc", "status")
    return (done.stdout + done.stderr).strip()


def test_uncommitted_changes_travel(team: Team) -> None:
    raw = team.caller.folder / "data" / "raw.txt"
    raw.write_text("changed")
    head = git(team.caller.folder, "rev-parse", "HEAD")

    run = run_deployment(team.caller, targets=["prepare@ed"])

    assert run["state"]["type"] == "COMPLETED", run["state"]["message"]
    assert team.caller.journal().count("data/ed.txt") == 2
    lock = yaml.safe_load((team.caller.folder / "dvc.lock").read_text())
    assert lock["stages"]["prepare@ed"]["deps"][0]["size"] == len("changed")
    assert git(team.caller.folder, "rev-parse", "HEAD") == head
    assert list((team.git / "refs" / "eva" / "runs").iterdir())


def test_a_stage_outlasts_its_worker_and_a_restart_of_the_server(team: Team) -> None:
    """SIGKILL of the worker alone, then of the server, which `make up` starts again."""
    out, before = "models/sft-esconv-1.txt", team.caller.journal()
    team.caller.hold(out)
    (team.caller.folder / "fails").write_text("changed")  # which the stage reads
    run = start_deployment(team.caller, targets=["sft@esconv-1"])
    await_true(lambda: team.makers("stage.py", out) == ["two"])

    team.workers["two"].kill()
    kill_services(team, "prefect")
    start_services(team)
    assert team.makers("stage.py", out) == ["two"]
    renew_place_of(team, run)
    team.caller.hold()
    ended = await_end(team.caller, run)

    assert ended["state"]["type"] == "COMPLETED", ended["state"]["message"]
    assert set(states_below(team, run)) == {"COMPLETED"}
    assert team.caller.journal().count(out) == before.count(out) + 1
    assert "sft@esconv-1" not in dvc_status(team)


def test_a_host_that_dies_or_is_suspended_loses_its_stage_to_another(team: Team) -> None:
    """Of two hosts one gets SIGKILL and one SIGSTOP, with all that they run: no heartbeat, so both are lost.

    Another host makes both stages. The suspended one goes on before that is done, and ends its stage.
    """
    outs = ["models/sft-esconv-1.txt", "models/sft-esconv-2.txt"]
    team.caller.hold(*outs)
    team.start("three", "gpu")
    team.start("four", "gpu")
    (team.caller.folder / "fails").write_text("changed again")
    before, finished = len(team.caller.journal()), team.caller.finished()
    run = start_deployment(team.caller, targets=["sft"])
    await_true(lambda: all(team.makers("stage.py", out) for out in outs))
    (dead,), (suspended,) = (team.makers("stage.py", out) for out in outs)

    team.kill(dead)
    team.signal(suspended, signal.SIGSTOP)
    team.caller.hold(outs[1])
    team.start("five", "gpu")
    await_true(lambda: team.makers("stage.py", outs[1]) == sorted(["five", suspended]))
    team.signal(suspended, signal.SIGCONT)
    await_true(lambda: team.makers("stage.py", outs[1]) == ["five"])
    team.caller.hold()
    ended = await_end(team.caller, run)

    assert ended["state"]["type"] == "COMPLETED", ended["state"]["message"]
    # `prepare` and both stages, and the runs that were lost; the suspended one says itself that it failed
    states = ["COMPLETED", "COMPLETED", "COMPLETED", "CRASHED", "FAILED"]
    await_true(lambda: states_below(team, run) == states)
    assert sorted(team.caller.journal()[before:]) == sorted(outs * 2)
    assert all(team.caller.finished().count(out) == finished.count(out) + 1 for out in outs)
    assert "sft@esconv" not in dvc_status(team)


def test_two_pipelines_at_once_make_a_stage_once(team: Team) -> None:
    """In one checkout the second pipeline waits; in another workspace its stage waits for the first one's."""
    out, workspace = "data/ed.txt", team.hosts / "workspace"
    (team.caller.folder / "data" / "raw.txt").write_text("for two pipelines")
    git(team.caller.folder, "commit", "--quiet", "-am", "changed")
    git(team.caller.folder, "clone", "--quiet", ".", str(workspace))
    team.caller.hold(out)
    team.start("six", "cpu")
    before = len(team.caller.journal())
    first = start_deployment(team.caller, targets=["prepare@ed"])
    await_true(lambda: len(team.caller.journal()) > before)

    second = start_deployment(team.caller, targets=["prepare@ed"])
    elsewhere = team.pipeline_in(workspace, "prepare@ed")
    waiting = "prepare@ed waits: another host runs it with the same inputs"
    await_true(lambda: elsewhere.poll() is not None or said(team, waiting) != [])
    await_true(lambda: state_of(team, second) == "AwaitingConcurrencySlot")
    team.caller.hold()

    assert elsewhere.wait(600) == 0, (team.hosts / "workspace.log").read_text()[-4000:]
    ends = [await_end(team.caller, run) for run in (first, second)]
    assert [run["state"]["type"] for run in ends] == ["COMPLETED", "COMPLETED"]
    assert ends[0]["end_time"] <= ends[1]["start_time"]
    assert team.caller.journal()[before:] == [out]
    assert (workspace / out).read_text() == (team.caller.folder / out).read_text()


def test_after_a_crash_of_the_caller_s_host_its_run_is_ended_and_others_start(team: Team) -> None:
    """All services and the pipeline get SIGKILL, then `make up`. Its stage, on a host whose worker is dead
    too, is cancelled by its own flow run."""
    out = "data/esconv.txt"
    (team.caller.folder / "data" / "raw.txt").write_text("for a host that crashes")
    team.caller.hold(out)
    before = len(team.caller.journal())
    run = start_deployment(team.caller, targets=["prepare@esconv"])
    await_true(lambda: len(team.caller.journal()) > before)
    (host,) = team.makers("stage.py", out)
    (stage,) = runs_below(team, run)

    team.workers[host].kill()
    kill_services(team, "prefect", "worker-cpu")
    start_services(team)
    crashed = api(team.caller, f"/flow_runs/{run['id']}")["state"]
    assert (crashed["type"], crashed["message"]) == (
        "CRASHED",
        "its process was gone when the services were started",
    )
    assert team.makers("stage.py", out) == [host]
    api(team.caller, f"/flow_runs/{stage['id']}/set_state", {"state": {"type": "CANCELLING"}})
    await_true(lambda: state_of(team, stage) == "Cancelled")

    assert team.makers("stage.py", out) == []
    team.caller.hold()
    again = run_deployment(team.caller, targets=["prepare@esconv"])
    assert again["state"]["type"] == "COMPLETED", again["state"]["message"]
    assert team.caller.journal()[before:] == [out, out]


def start_services(team: Team) -> None:
    started = team.caller.run("-m", "flows.services", "up")
    assert started.returncode == 0, started.stdout + started.stderr


def kill_services(team: Team, *names: str) -> None:
    """End processes of `make up`, with the flow runs of a worker, at once: none sees another end."""
    marks = {f"{team.caller.folder}{os.pathsep}{name}" for name in names}
    ours = [process for process in psutil.process_iter() if mark_of(process) in marks]
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for process in ours:
            process.send_signal(number)
    await_true(lambda: not any(processes.find(team.caller.folder, name) for name in names))


def mark_of(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(processes.MARK)
    except psutil.Error:
        return None


def renew_place_of(team: Team, run: dict[str, Any]) -> None:
    """As a pipeline does every four minutes; fails if the server has forgotten the place."""
    details = api(team.caller, f"/flow_runs/{run['id']}")["state"]["state_details"]
    lease = details["deployment_concurrency_lease_id"]
    api(team.caller, f"/v2/concurrency_limits/leases/{lease}/renew", {"lease_duration": 300})


def said(team: Team, phrase: str) -> list[str]:
    """The lines with this phrase in the logs of all runs."""
    lines: list[str] = []
    while found := api(team.caller, "/logs/filter", {"offset": len(lines)}):  # a page
        lines += [line["message"] for line in found]
    return [line for line in lines if phrase in line]


def state_of(team: Team, run: dict[str, Any]) -> str:
    return str(api(team.caller, f"/flow_runs/{run['id']}")["state"]["name"])


def runs_below(team: Team, run: dict[str, Any]) -> list[dict[str, Any]]:
    parent = {"parent_flow_run_id": {"any_": [run["id"]]}}
    return list(api(team.caller, "/flow_runs/filter", {"flow_runs": parent}))


def states_below(team: Team, run: dict[str, Any]) -> list[str]:
    return sorted(child["state_type"] for child in runs_below(team, run))


def await_true(condition: Callable[[], bool], seconds: float = 600, pause: float = 1) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(pause)
