"""A real server and two workers in folders of their own, which share nothing but addresses."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from tests.flows.conftest import STAGES
from tests.flows.prefect_api import artifact, run_deployment
from tests.flows.team import Team, git, make_team

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[Team]:
    team = make_team(tmp_path_factory.mktemp("team"), root)
    try:
        started = team.caller.run("-m", "flows.services", "up")
        assert started.returncode == 0, started.stdout + started.stderr
        yield team
    finally:
        team.stop()
        team.caller.run("-m", "flows.services", "down")


def hosts_of(team: Team) -> set[str]:
    return {name for name in team.workers if list((team.hosts / name / "home" / "runs").glob("*"))}


def test_a_pool_without_a_worker_is_refused_at_submission(team: Team) -> None:
    refused = run_deployment(team.caller)

    assert refused["state"]["type"] == "FAILED"
    message = refused["state"]["message"]
    assert "no worker of pool 'cpu' is online that has the packages of constraints.txt" in message
    assert "start `eva worker --pool gpu`" in message
    assert team.caller.journal() == []


def test_two_hosts_finish_the_dag_and_each_stage_runs_once(team: Team) -> None:
    team.start("one", "cpu")
    team.start("two", "gpu")
    team.await_workers("cpu", "gpu")

    first = run_deployment(team.caller)

    assert first["state"]["type"] == "COMPLETED", first["state"]["message"]
    assert sorted(team.caller.journal()) == sorted(set(team.caller.journal()))
    assert len(team.caller.journal()) == len(STAGES)
    assert hosts_of(team) == {"one", "two"}
    assert {row["status"] for row in json.loads(artifact(team.caller, "stages"))} == {"ran"}
    assert (team.caller.folder / "metrics" / "report.json").is_file()
    assert dvc_status(team) == "Data and pipelines are up to date."


def test_a_second_run_restores_everything(team: Team) -> None:
    before = team.caller.journal()
    for name in ("models", "responses"):
        subprocess.run(["rm", "-r", str(team.caller.folder / name)], check=True)

    second = run_deployment(team.caller)

    assert second["state"]["type"] == "COMPLETED", second["state"]["message"]
    assert team.caller.journal() == before
    assert dvc_status(team) == "Data and pipelines are up to date."


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
