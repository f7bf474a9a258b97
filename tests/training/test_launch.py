import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset
from pydantic import ValidationError

from eva.errors import InputError, ProcessError
from eva.meeting import VARIABLE, Meeting
from eva.settings.sft_section import Sft
from eva.training import launch
from eva.training.arguments import effective_batch, total_steps, trainer_arguments
from eva.training.job import Job
from eva.training.readiness import ready


def test_the_command_names_every_process_and_the_job(sft: Sft) -> None:
    settings = sft.model_copy(update={"launcher": "torchrun", "processes": 8})
    command = launch.argv(settings, "eva.training.sft_trainer", Path("store/x"), None)
    assert command[:4] == [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    assert command[command.index("--nproc-per-node") + 1] == "8"
    assert command[-3:] == ["-m", "eva.training.sft_trainer", str(Path("store/x"))]
    resumed = launch.argv(settings, "eva.training.sft_trainer", Path("store/x"), Path("checkpoint-5"))
    assert resumed == [*command, "checkpoint-5"]


def test_several_hosts_share_the_processes_and_meet_at_an_address(sft: Sft) -> None:
    several = {"launcher": "torchrun", "processes": 8, "hosts": 2, "rendezvous": "first:29400"}
    command = launch.argv(sft.model_copy(update=several), "eva.training.sft_trainer", Path("store/x"), None)
    assert command[3:7] == ["--nnodes", "2", "--rdzv-backend", "c10d"]
    assert command[command.index("--rdzv-endpoint") + 1] == "first:29400"
    assert command[command.index("--nproc-per-node") + 1] == "4"


def test_a_flow_run_appoints_where_hosts_meet_and_gets_the_others_commands(
    sft: Sft, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    meeting = Meeting(2, "10.0.0.1:29400", str(tmp_path / "commands.json"))
    monkeypatch.setitem(os.environ, VARIABLE, meeting.variables[VARIABLE])
    monkeypatch.setattr(subprocess, "Popen", lambda words, **_: pytest.fail(" ".join(words[3:12])))
    settings = sft.model_copy(update={"launcher": "torchrun", "processes": 8})
    place = "--nnodes 2 --node-rank {} --master-addr 10.0.0.1 --master-port 29400 --nproc-per-node"
    with pytest.raises(pytest.fail.Exception, match=place.format(0)):
        launch.start(settings, "eva.training.sft_trainer", Path("store/x"), None)
    (second,) = json.loads((tmp_path / "commands.json").read_text())
    assert second[:2] == ["-m", "torch.distributed.run"] and second[11] == "4"
    assert " ".join(second[2:11]) == place.format(1)


def test_a_job_names_its_model_from_the_root_of_the_checkout(
    sft: Sft, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another host has its checkout, and so the model, elsewhere."""
    rows, first, second = Dataset.from_list([{"input_ids": [1]}]), tmp_path / "first", tmp_path / "second"
    for checkout in (first, second):
        (checkout / "models").mkdir(parents=True)
    monkeypatch.chdir(first)
    Job(sft, (first / "models").resolve(), 1, rows, rows, {}).write(tmp_path / "store")
    monkeypatch.chdir(second)
    assert Job.read(tmp_path / "store", Sft).model_dir == second / "models"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"processes": 8, "accumulation": 4}, "the 4 batches of an update .* by 8 processes evenly"),
        ({"processes": 3, "accumulation": 3, "hosts": 2, "rendezvous": "a:1"}, "3 processes .* by 2 hosts"),
        ({"processes": 2, "accumulation": 2, "hosts": 2}, "set `rendezvous: HOST:PORT`"),
        ({"processes": 2, "accumulation": 2, "hosts": 2, "rendezvous": "first"}, "rendezvous"),
    ],
)
def test_what_cannot_be_shared_is_refused(sft: Sft, changes: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Sft.model_validate({**sft.model_dump(), "launcher": "torchrun", **changes})


def test_an_update_has_as_many_sequences_on_any_number_of_processes(sft: Sft, tmp_path: Path) -> None:
    steps, batches = set(), set()
    for processes in (1, 2, 4):
        settings = sft.model_copy(update={"accumulation": 4, "processes": processes})
        given = trainer_arguments(settings, tmp_path, 1, 37)
        rows = given["per_device_train_batch_size"] * given["gradient_accumulation_steps"] * processes
        batches.add((rows, effective_batch(settings)))
        steps.add(total_steps(settings, 37))
    assert batches == {(8, 8)} and steps == {10}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "is not a file"),
        ("{", "not JSON"),
        ("[]", "must contain a JSON object"),
        (
            '{"train_micro_batch_size_per_gpu": 7, "train_batch_size": "auto"}',
            "sets train_micro_batch_size_per_gpu to 7",
        ),
    ],
)
def test_a_deepspeed_file_that_cannot_be_used_is_refused_at_the_start(
    sft: Sft, tmp_path: Path, text: str | None, why: str
) -> None:
    path = tmp_path / "zero.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=f"sft: 1 problem(?s:.*)deepspeed: .*{why}"):
        ready("sft", sft.model_copy(update={"launcher": "torchrun", "deepspeed": path}))
    assert ready("sft", sft) == sft


def test_a_failed_process_is_an_error(sft: Sft, tmp_path: Path) -> None:
    settings = sft.model_copy(update={"launcher": "torchrun", "processes": 1})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(launch, "argv", lambda *given: [sys.executable, "-c", "raise SystemExit(3)"])
        with pytest.raises(ProcessError, match="status 3"):
            launch.start(settings, "eva.training.sft_trainer", tmp_path, None)


@pytest.mark.parametrize("stage", [2, 3])
def test_deepspeed_files_leave_the_numbers_to_the_settings(root: Path, stage: int) -> None:
    config = json.loads((root / f"infra/deepspeed/zero{stage}.json").read_text())
    assert config["zero_optimization"]["stage"] == stage
    assert {config[k] for k in ("train_micro_batch_size_per_gpu", "gradient_accumulation_steps")} == {"auto"}
