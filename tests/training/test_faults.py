"""What can go wrong in a training, done to it for real: it ends with a message, and goes on where it was.

Faults of files (flipped bytes, cut files, kills in mid-write) are in `test_damage.py`, a killed process in
`test_resume.py`; the table of all faults is in docs/training.md.
"""

import ctypes
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.training.conftest import ended, fork_ranks

from eva.artifacts import fingerprint, read_json
from eva.errors import InputError
from eva.training import dpo_trainer, sft_trainer
from eva.training.checkpoints import newest_checkpoint
from eva.training.dpo import plan as plan_dpo
from eva.training.job import Plan
from eva.training.run_store import Run
from eva.training.sft import plan as plan_sft
from eva.training.train_or_reuse import train_or_reuse

pytestmark = pytest.mark.slow

TARGETS = ["q_proj", "v_proj"]

# A training process that harms itself or presses Ctrl-C.
FAULTY = """
import os
from tests.training.test_faults import work_with_fault

work_with_fault(os.environ["FAULT"])
"""

# The stage's process: `launch.start`, which hands Ctrl-C on and says what became of its processes.
STARTER = """
import logging, os, sys
from pathlib import Path
from eva.settings.sft_section import Sft
from eva.training import launch
from eva.training.job import Job
os.environ["STAGE"] = str(os.getpid())
logging.basicConfig(level="INFO")
folder, *checkpoint = map(Path, sys.argv[1:])
launch.start(Job.read(folder, Sft).settings, "faulty", folder, checkpoint[0] if checkpoint else None)
"""


def work_with_fault(fault: str) -> None:
    """Train as a launched process does; `fault`: signal, rank or `stage`, `step` or `save`, updates done."""
    from eva.settings.sft_section import Sft
    from eva.training import worker

    name, whose, where, done = fault.split()
    number, rank = getattr(signal, name), os.environ["RANK"]

    def strike(trainer: Any, place: str) -> None:
        if place != where or trainer.state.global_step != int(done):
            return
        if whose == rank:
            os.kill(os.getpid(), number)
        elif whose == "stage" and rank == "0":
            os.kill(int(os.environ["STAGE"]), number)
            time.sleep(3)  # a step that lasts

    class Faulty(sft_trainer.DialogueTrainer):
        def training_step(self, *given: Any, **named: Any) -> Any:
            strike(self, "step")
            return super().training_step(*given, **named)

        def _save_rng_state(self, folder: str) -> None:
            strike(self, "save")
            super()._save_rng_state(folder)

    sft_trainer.DialogueTrainer = Faulty  # type: ignore[misc]
    worker.work(sft_trainer.fit, Sft)


def launch_two(folder: Path, fault: str) -> tuple[int, str]:
    """Two processes under torchrun train the job of `folder` from its newest checkpoint, with a fault."""
    (folder / "faulty.py").write_text(FAULTY)
    paths = os.pathsep.join([str(folder), *sys.path])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": paths, "FAULT": fault}
    done = subprocess.run(
        [sys.executable, "-c", STARTER, *words(folder)], env=environment, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=300, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout


def fork_two(folder: Path, fault: str) -> tuple[list[int], list[str]]:
    """The same without torchrun: exit codes and what was said. One that is stopped is killed at the end."""

    def work() -> None:
        sys.argv = ["faulty", *words(folder)]
        work_with_fault(fault)

    pids = fork_ranks(work, folder)
    first = ended(pids[0])
    if fault.startswith("SIGSTOP"):
        os.kill(pids[1], signal.SIGKILL)
    return [first, ended(pids[1])], [(folder / f"log-{rank}").read_text() for rank in range(2)]


def words(folder: Path) -> list[str]:
    newest = newest_checkpoint(folder)
    return [str(folder), *([str(newest)] if newest else [])]


def test_two_processes_with_faults_one_after_the_other_end_as_one_that_was_left_alone(
    tiny: Path, dialogues: Any, sft: Any, tmp_path: Path
) -> None:
    """Ctrl-C, a rank killed in a step, one killed while it saves, one that hangs; then one goes on."""
    given = dialogues[:6], dialogues[6:], tiny, 1
    change = {"accumulation": 2, "batch_size": 1, "epochs": 4, "save_steps": 2, "lr": 1e-3}
    alone = plan_sft(sft.model_copy(update=change), *given)
    sft_trainer.fit(alone.job, tmp_path / "alone", None)
    shared = {"launcher": "torchrun", "processes": 2, "extra": {"ddp_timeout": 10}}
    planned = plan_sft(sft.model_copy(update={**change, **shared}), *given)
    folder = tmp_path / "two"
    planned.job.write(folder)

    code, said = launch_two(folder, "SIGINT stage step 2")
    assert code != 0 and "this step is finished and saved first" in said, said
    assert newest_checkpoint(folder) == folder / "trainer/checkpoint-3"

    code, said = launch_two(folder, "SIGKILL 1 step 5")
    assert code != 0 and "run the same stage again to resume" in said, said
    assert newest_checkpoint(folder) == folder / "trainer/checkpoint-4"

    codes, logs = fork_two(folder, "SIGKILL 1 save 6")
    assert codes == [1, -signal.SIGKILL], logs
    assert newest_checkpoint(folder) == folder / "trainer/checkpoint-4"
    assert (folder / "trainer/aside/checkpoint-6").is_dir()
    assert not (folder / "trainer/checkpoint-6").exists()

    codes, logs = fork_two(folder, "SIGSTOP 1 step 5")
    assert codes[0] == 1, logs
    assert "process 0 waited 10 s in vain for another one, which hangs or is stopped" in logs[0]
    assert 'File "' in logs[0] and "in training_step" in logs[0]  # where it was

    store = tmp_path / "store"
    run = Run(store / fingerprint(alone.inputs), "")
    run.folder.mkdir(parents=True)
    (folder / "trainer").rename(run.folder / "trainer")
    result = train_or_reuse(alone, sft_trainer.fit, tmp_path / "out", store)
    assert result.resumed_from == 4
    expected = read_json(tmp_path / "alone/result.json")
    assert [row["step"] for row in result.history] == list(range(1, 13))
    for ours, theirs in zip(result.history, expected["history"], strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], abs=2e-4)
    assert result.metrics["nll_after"] == pytest.approx(expected["metrics"]["nll_after"], abs=2e-4)


def test_deepspeeds_checkpoint_is_for_as_many_processes(
    tiny: Path, dialogues: Any, sft: Any, root: Path, tmp_path: Path
) -> None:
    from eva.training.checkpoints import put_in_place

    zero = {
        "launcher": "torchrun", "processes": 2, "accumulation": 2,
        "deepspeed": root / "infra/deepspeed/zero2.json",
    }  # fmt: skip
    planned = plan_sft(sft.model_copy(update=zero), dialogues[:6], dialogues[6:], tiny, 1)
    written = tmp_path / fingerprint(planned.inputs) / "trainer/aside/checkpoint-4"
    written.mkdir(parents=True)
    for rank in range(4):
        (written / f"rng_state_{rank}.pth").touch()
    put_in_place(written)
    with pytest.raises(InputError, match=r"4 processes under DeepSpeed wrote it.*set `processes: 4`"):
        train_or_reuse(planned, sft_trainer.fit, tmp_path / "out", tmp_path)


@pytest.fixture(params=["sft", "dpo"])
def planned(request: Any, tiny: Path, dialogues: Any, pairs: Any, sft: Any, dpo: Any) -> Plan[Any]:
    if request.param == "sft":
        return plan_sft(sft.model_copy(update={"save_steps": 2}), dialogues[:6], dialogues[6:], tiny, 1)
    return plan_dpo(dpo.model_copy(update={"save_steps": 2}), pairs[:6], pairs[6:], tiny, TARGETS, 1)


def trainer_class(planned: Plan[Any]) -> Any:
    from eva.training.tree_trainer import TreeTrainer

    return sft_trainer.DialogueTrainer if planned.inputs["stage"] == "sft" else TreeTrainer


def fit_of(planned: Plan[Any]) -> Any:
    return sft_trainer.fit if planned.inputs["stage"] == "sft" else dpo_trainer.fit


@pytest.mark.parametrize("kind", ["loss", "gradient"])
def test_a_loss_that_is_no_number_stops_with_step_and_rows(
    planned: Plan[Any], kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cls = trainer_class(planned)
    whole = cls.training_step

    def spoilt(self: Any, model: Any, inputs: Any, *rest: Any) -> Any:
        if self.state.global_step == 3 and kind == "loss":
            weight = next(p for p in model.parameters() if p.requires_grad)
            weight.data[0] = torch.nan
        loss = whole(self, model, inputs, *rest)
        if self.state.global_step == 3:
            weight = next(p for p in model.parameters() if p.requires_grad)
            weight.grad[0] = torch.nan
        return loss

    monkeypatch.setattr(cls, "training_step", spoilt)
    name = "loss is nan" if kind == "loss" else "gradient's norm is nan"
    with pytest.raises(
        InputError, match=f"step 4: the {name}.*Its rows: toy-. .row .., toy-. .row ."
    ) as caught:
        train_or_reuse(planned, fit_of(planned), tmp_path / "out", tmp_path / "store")
    monkeypatch.setattr(cls, "training_step", whole)

    folder = tmp_path / "store" / fingerprint(planned.inputs)
    assert newest_checkpoint(folder) == folder / "trainer/checkpoint-2"
    assert not (tmp_path / "out").exists() and not Run(folder, "").finished
    trainer = (sft_trainer if planned.inputs["stage"] == "sft" else dpo_trainer).build(
        planned.job, tmp_path / "again"
    )
    trainer.state.epoch = 1.0
    first = list(trainer.order(trainer.train_dataset))[:2]
    assert all(f"(row {number})" in str(caught.value) for number in first)


def test_ctrl_c_saves_and_leaves_and_the_rest_is_as_if_it_had_not_come(
    planned: Plan[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fit_of(planned)(planned.job, tmp_path / "alone", None)
    cls = trainer_class(planned)
    whole = cls.training_step

    def interrupted(self: Any, *args: Any) -> Any:
        if self.state.global_step == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return whole(self, *args)

    monkeypatch.setattr(cls, "training_step", interrupted)
    store = tmp_path / "store"
    with pytest.raises(KeyboardInterrupt), caplog.at_level(logging.WARNING):
        train_or_reuse(planned, fit_of(planned), tmp_path / "out", store)
    monkeypatch.setattr(cls, "training_step", whole)
    assert "this step is finished and saved first" in caplog.text
    assert newest_checkpoint(store / fingerprint(planned.inputs)).name == "checkpoint-3"  # type: ignore[union-attr]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

    result = train_or_reuse(planned, fit_of(planned), tmp_path / "out", store)
    alone = read_json(tmp_path / "alone/result.json")
    assert result.resumed_from == 3
    assert (result.history, result.metrics) == (alone["history"], alone["metrics"])


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own that holds two checkpoints, and not a third beside them."""
    libc = ctypes.CDLL(None, use_errno=True)
    place = tmp_path / "disk"
    place.mkdir()
    if libc.mount(b"tmpfs", str(place).encode(), b"tmpfs", 0, b"size=8m") != 0:
        pytest.skip(f"a small file system cannot be mounted here: {os.strerror(ctypes.get_errno())}")
    try:
        yield place
    finally:
        libc.umount2(str(place).encode(), 2)


def test_a_full_disk_leaves_the_last_checkpoint_and_says_what_to_do(
    tiny: Path, dialogues: Any, sft: Any, small_disk: Path, tmp_path: Path
) -> None:
    settings = sft.model_copy(update={"save_steps": 2, "epochs": 2})
    planned = plan_sft(settings, dialogues[:6], dialogues[6:], tiny, 1)
    checkpoint = planned.needed // 3
    ballast = small_disk / "ballast"
    free = os.statvfs(small_disk)
    ballast.write_bytes(bytes(free.f_bavail * free.f_frsize - int(1.6 * checkpoint)))
    with pytest.raises(InputError, match="writing here needs"):  # what is foreseen is refused before
        train_or_reuse(planned, sft_trainer.fit, tmp_path / "out", small_disk)
    with pytest.raises(InputError, match="the disk is full; the checkpoints so far are kept"):
        train_or_reuse(replace(planned, needed=0), sft_trainer.fit, tmp_path / "out", small_disk)
    folder = small_disk / fingerprint(planned.inputs)
    assert newest_checkpoint(folder) == folder / "trainer/checkpoint-2"
    assert not (tmp_path / "out").exists()
    ballast.unlink()
    result = train_or_reuse(planned, sft_trainer.fit, tmp_path / "out", small_disk)
    assert result.resumed_from == 2
    assert [row["step"] for row in result.history] == [1, 2, 3, 4, 5, 6]


def test_an_end_token_that_pads_too_is_still_learnt(
    tiny: Path, dialogues: Any, sft: Any, tmp_path: Path
) -> None:
    """SmolLM2's end of turn is its padding: every turn's is supervised, and no padding is."""
    import shutil

    from eva.models.loading import load_tokenizer

    folder = tmp_path / "model"
    shutil.copytree(tiny, folder)
    tokenizer = load_tokenizer(folder)
    tokenizer.pad_token = tokenizer.eos_token
    tokenizer.save_pretrained(folder)
    assert load_tokenizer(folder).pad_token_id == tokenizer.eos_token_id
    planned = plan_sft(sft.model_copy(update={"batch_size": 6}), dialogues[:6], dialogues[6:], folder, 1)
    batch = next(iter(sft_trainer.build(planned.job, tmp_path / "run").get_train_dataloader()))
    turns = sum(dialogue.n_supporter_turns for dialogue in dialogues[:6])
    assert int((batch["labels"] == tokenizer.eos_token_id).sum()) == turns
