"""A real server and two workers in folders of their own, which share nothing but addresses."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
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


def test_a_host_that_dies_loses_its_stage_to_another(team: Team) -> None:
    """SIGKILL of the worker, its flow run and the stage: no heartbeat, crashed, once more, elsewhere."""
    out, journal = "models/sft-esconv-1.txt", Path(team.caller.environment["EVA_TEST_JOURNAL"])
    hold = journal.with_name("journal.hold")
    hold.write_text(out)
    (team.caller.folder / "fails").write_text("changed")  # which the stage reads
    before = team.caller.journal().count(out)
    run = start_deployment(team.caller, targets=["sft@esconv-1"])
    await_true(lambda: team.caller.journal().count(out) > before)

    team.kill("two")
    hold.unlink()
    team.start("three", "gpu")
    await_true(lambda: "CRASHED" in states_below(team, run))
    ended = await_end(team.caller, run)

    assert ended["state"]["type"] == "COMPLETED", ended["state"]["message"]
    states = states_below(team, run)
    assert states.count("CRASHED") == 1 and set(states) == {"CRASHED", "COMPLETED"}
    assert team.caller.journal().count(out) == before + 2
    lines = [line.split()[1:] for line in journal.read_text().splitlines()]
    assert lines.count(["end", out]) == before + 1
    assert "sft@esconv-1" not in dvc_status(team)


def states_below(team: Team, run: dict[str, Any]) -> list[str]:
    parent = {"parent_flow_run_id": {"any_": [run["id"]]}}
    return [child["state_type"] for child in api(team.caller, "/flow_runs/filter", {"flow_runs": parent})]


def await_true(condition: Callable[[], bool], seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(1)
