import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from tests.training.conftest import ended, forked

from eva.artifacts import read_json
from eva.manifest import folder_fault, seal
from eva.training import checkpoints, run_store
from eva.training.job import Plan
from eva.training.train_or_reuse import train_or_reuse

STEPS = 32


def _checkpoint(folder: Path, step: int) -> Path:
    """A checkpoint with the files of a real one, small."""
    import torch
    from safetensors.torch import save_file

    path = folder / "trainer" / f"checkpoint-{step}"
    path.mkdir(parents=True)
    save_file({"weight": torch.ones(64)}, path / "model.safetensors")
    for name in ("optimizer.pt", "scheduler.pt", "rng_state.pth"):
        torch.save({"a": torch.ones(64)}, path / name)
    (path / "trainer_state.json").write_text(json.dumps({"global_step": step}))
    seal(path, path.iterdir())
    return path


def test_the_newest_complete_checkpoint_is_chosen(tmp_path: Path) -> None:
    for step in (5, 10, 100):
        _checkpoint(tmp_path, step)
    assert checkpoints.newest_checkpoint(tmp_path) == tmp_path / "trainer/checkpoint-100"
    (tmp_path / "trainer/checkpoint-100/trainer_state.json").unlink()
    newest = checkpoints.newest_checkpoint(tmp_path)
    assert newest == tmp_path / "trainer/checkpoint-10"
    checkpoints.discard_later(tmp_path, newest)
    assert sorted(p.name for p in (tmp_path / "trainer").iterdir()) == ["checkpoint-10", "checkpoint-5"]
    assert checkpoints.newest_checkpoint(tmp_path / "elsewhere") is None


@pytest.mark.parametrize(
    "name", ["model.safetensors", "optimizer.pt", "rng_state.pth", "scheduler.pt", "trainer_state.json"]
)
def test_a_cut_file_makes_a_checkpoint_unusable(tmp_path: Path, name: str) -> None:
    checkpoint = _checkpoint(tmp_path, 5)
    assert folder_fault(checkpoint) is None
    content = (checkpoint / name).read_bytes()
    (checkpoint / name).write_bytes(content[:-8])
    assert name in str(folder_fault(checkpoint))


def test_the_fingerprint_is_written_in_clear_and_the_folder_is_exclusive(tmp_path: Path) -> None:
    from filelock import FileLock, Timeout

    with run_store.claim(tmp_path, {"lr": 1e-4}, 1) as run:
        assert read_json(run.folder / "fingerprint.json") == {"lr": 1e-4}
        with pytest.raises(Timeout):
            FileLock(tmp_path / f"{run.fingerprint}.lock").acquire(timeout=0)
        assert not run.finished
    with run_store.claim(tmp_path, {"lr": 2e-4}, 1) as other:
        assert other.fingerprint != run.fingerprint


def test_provenance_notes_do_not_change_a_model(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    before = run_store.model_digests(tmp_path)
    (tmp_path / "start.json").write_text("{}")
    assert run_store.model_digests(tmp_path) == before
    (tmp_path / "chat_template.jinja").write_text("x")
    assert run_store.model_digests(tmp_path) != before


def _plan(stage: str, tiny: Path, dialogues: Any, pairs: Any, sft: Any, dpo: Any) -> Plan:
    from eva.training import dpo as dpo_stage
    from eva.training import sft as sft_stage

    change = {"epochs": 8, "save_steps": 5, "lr": 1e-3}
    if stage == "sft":
        return sft_stage.plan(sft.model_copy(update=change), dialogues, dialogues[6:], tiny, 1)
    settings = dpo.model_copy(update=change)
    return dpo_stage.plan(settings, pairs, pairs[6:], tiny, ["q_proj", "v_proj"], 1)


def _killed_in_mid_epoch(fit: Any, job: Any, folder: Path) -> None:
    from transformers import Trainer

    update = Trainer._get_learning_rate  # asked for between the optimizer's step and the count of it

    def killed(self: Any) -> float:
        if self.state.global_step == 13:
            os.kill(os.getpid(), signal.SIGKILL)
        return float(update(self))

    Trainer._get_learning_rate = killed
    fit(job, folder, None)


def _not_called(*given: Any) -> None:
    raise AssertionError("trained again")


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["sft", "dpo"])
def test_killed_and_resumed_equals_uninterrupted(
    stage: str, tiny: Path, dialogues: Any, pairs: Any, sft: Any, dpo: Any, tmp_path: Path
) -> None:
    """SIGKILL in mid-epoch; every logged loss afterwards is that of a run that was left alone."""
    from eva.training import dpo_trainer, sft_trainer

    plan = _plan(stage, tiny, dialogues, pairs, sft, dpo)
    fit = {"sft": sft_trainer.fit, "dpo": dpo_trainer.fit}[stage]
    fit(plan.job, tmp_path / "alone", None)

    with run_store.claim(tmp_path / "store", plan.inputs, plan.needed) as run:
        log = tmp_path / "log"
        pid = forked(lambda: _killed_in_mid_epoch(fit, plan.job, run.folder), log)
        assert ended(pid) == -signal.SIGKILL, log.read_text()[-2000:]
        assert not run.finished
    train_or_reuse(plan, fit, tmp_path / "first", tmp_path / "store")

    alone, resumed = read_json(tmp_path / "alone/result.json"), read_json(run.result)
    assert alone["resumed_from"] is None and resumed["resumed_from"] == 10
    assert len(alone["history"]) == STEPS
    assert resumed["history"] == alone["history"]
    assert resumed["metrics"] == alone["metrics"]
    result = train_or_reuse(plan, _not_called, tmp_path / "out", tmp_path / "store")
    assert result.reused and result.metrics == alone["metrics"]
