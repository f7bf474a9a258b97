"""One training on two workers, which meet on loopback: a real server, real torchrun, a tiny model."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from flows.dag import StageNode
from flows.handover import Handover
from flows.hosts import require_hosts
from tests.flows.prefect_api import api, await_end, run_deployment, start_deployment
from tests.flows.team import Team, git, make_team
from tests.flows.test_hosts import await_true, said

from eva.errors import InputError
from eva.models.tiny import build_tiny

DVC_YAML = """
stages:
  sft:
    matrix: {seed: [1]}
    cmd: python train.py models/sft-${item.seed}
    deps: [train.py, model]
    params: [sft]
    outs: ['models/sft-${item.seed}']
    meta: {pool: gpu, gpus: '${sft.processes}'}
"""
TRAIN = """
import logging, os, sys
from pathlib import Path
from eva.data.dialogue import Dialogue, Turn
from eva.settings.params_file import read_settings
from eva.training.sft import train

logging.basicConfig(level=logging.INFO, format="%(message)s")
turns = (Turn("user", "I feel tired."), Turn("assistant", "That sounds hard."))
rows = [Dialogue(f"toy-{number}", "toy", number, turns) for number in range(10)]
settings, store = read_settings(Path("params.yaml")).sft, Path(os.environ["EVA_CHECKPOINTS"])
train(settings, rows[:8], rows[8:], Path("model"), Path(sys.argv[1]), 1, store)
"""
SFT = {"launcher": "torchrun", "processes": 2, "accumulation": 2, "batch_size": 1, "save_steps": 2}


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[Team]:
    """Two workers of pool `gpu` that see one checkpoint store."""
    team = make_team(tmp_path_factory.mktemp("several"), root)
    folder = team.caller.folder
    (folder / "dvc.yaml").write_text(DVC_YAML)
    (folder / "train.py").write_text(TRAIN)
    train_in_two(team, epochs=1)
    build_tiny("llama", "causal", folder / "model")
    assert team.caller.run("-m", "dvc", "add", "--quiet", "model").returncode == 0
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "two processes")
    git(folder, "push", "--quiet", str(team.git), "main")
    team.shared["EVA_CHECKPOINTS"] = str(team.hosts / "store")
    try:
        started = team.caller.run("-m", "flows.services", "up")
        assert started.returncode == 0, started.stdout + started.stderr
        team.start("one", "gpu")
        team.start("two", "gpu")
        await_true(lambda: len(workers(team)) == 2)
        yield team
    finally:
        team.stop()
        team.caller.run("-m", "flows.services", "down")


def workers(team: Team) -> list[str]:
    found = api(team.caller, "/work_pools/gpu/workers/filter", {})
    return [one["name"] for one in found if "constraints-" in one["name"] and one["status"] == "ONLINE"]


def train_in_two(team: Team, epochs: int) -> None:
    path = team.caller.folder / "params.yaml"
    params = yaml.safe_load(path.read_text())
    params["sft"] |= SFT | {"epochs": epochs}
    path.write_text(yaml.safe_dump(params))


def stage_runs(team: Team) -> list[tuple[str, str]]:
    """The names and states of the flow runs of the stage, those of further hosts included."""
    runs: list[dict[str, Any]] = api(team.caller, "/flow_runs/filter", {})
    return sorted((run["name"], run["state_type"]) for run in runs if "sft@1" in run["name"])


@pytest.mark.slow
def test_more_hosts_than_workers_are_refused_at_submission(team: Team) -> None:
    refused = run_deployment(team.caller, hosts=3)

    assert refused["state"]["type"] == "FAILED"
    message = refused["state"]["message"]
    assert "sft: 2 processes cannot be shared evenly" in message
    assert (
        "pool 'gpu' has 2 workers online" in message and "start `eva worker --pool gpu` on 1 more" in message
    )
    assert stage_runs(team) == []


@pytest.mark.slow
def test_two_workers_share_one_training(team: Team) -> None:
    run = run_deployment(team.caller, hosts=2)

    assert run["state"]["type"] == "COMPLETED", run["state"]["message"]
    assert (team.caller.folder / "models" / "sft-1" / "model.safetensors").is_file()
    assert stage_runs(team) == [("gpu: sft@1", "COMPLETED"), ("gpu: sft@1, host 2 of 2", "COMPLETED")]
    assert all(list((team.hosts / name / "home" / "runs").glob("*.lock")) for name in ("one", "two"))
    clean = team.caller.run("-m", "dvc", "status")
    assert "up to date" in clean.stdout, clean.stdout + clean.stderr


@pytest.mark.slow
def test_if_one_host_fails_or_is_lost_all_end_and_the_next_try_resumes(team: Team) -> None:
    """SIGKILL of the second host's launcher, and, when the retry goes on, of all that the first host runs."""
    train_in_two(team, epochs=20)
    before = stage_runs(team)
    run = start_deployment(team.caller, hosts=2, retries=1)
    await_quickly(lambda: newest_checkpoint(team) > 8)  # of this training: the one before had four steps

    failed_at, launcher = newest_checkpoint(team), team.launcher(rank=1)
    assert launcher
    launcher.kill()
    await_quickly(lambda: team.launcher(rank=1) not in (None, launcher))
    await_quickly(lambda: newest_checkpoint(team) > failed_at + 2)
    lost_at, (lost,) = newest_checkpoint(team), team.makers("--node-rank", "0")
    team.kill(lost)
    team.start("three", "gpu")
    ended = await_end(team.caller, run)

    assert ended["state"]["type"] == "COMPLETED", ended["state"]["message"]
    first, second = "gpu: sft@1", "gpu: sft@1, host 2 of 2"
    ends = [(first, "COMPLETED"), (first, "CRASHED"), (second, "COMPLETED")] + [(second, "FAILED")] * 2
    assert stage_runs(team) == sorted(before + ends)
    resumed = sorted({int(line.rpartition("-")[2]) for line in said(team, "going on from checkpoint-")})
    assert len(resumed) == 2 and failed_at <= resumed[0] < lost_at <= resumed[1]
    assert "up to date" in team.caller.run("-m", "dvc", "status").stdout


def newest_checkpoint(team: Team) -> int:
    """The step of the newest whole checkpoint of any training."""
    found = (team.hosts / "store").glob("*/trainer/checkpoint-*/manifest.json")
    return max((int(path.parent.name.partition("-")[2]) for path in found), default=0)


def await_quickly(condition: Callable[[], bool]) -> None:
    """Before the training is done."""
    await_true(condition, pause=0.05)


def test_what_cannot_be_shared_is_refused_at_once(root: Path, tmp_path: Path) -> None:
    """All problems in one message; the laptop profile trains in one process."""
    nodes = [StageNode("sft@x", "gpu", ()), StageNode("report", "cpu", ())]
    asyncio.run(require_hosts(1, nodes, None, root))
    with pytest.raises(InputError) as refused:
        asyncio.run(require_hosts(2, nodes, None, root))
    assert [problem.partition(";")[0] for problem in refused.value.problems] == [
        "no stage of this run trains in several processes, so there is nothing to share",
        "stages run in this checkout, so on one host",
    ]
    handover = Handover(commit="c", constraints="d", origin="e", lock="")
    with pytest.raises(InputError, match="nothing to share"):
        asyncio.run(require_hosts(2, nodes, handover, root))
