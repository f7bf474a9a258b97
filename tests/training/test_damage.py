"""What is stored is checked before use: bytes flipped for real, files cut, processes killed in mid-write."""

import logging
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
from tests.training.conftest import ended, forked

from eva.artifacts import fingerprint, read_json
from eva.training import checkpoints
from eva.training.checkpoints import newest_checkpoint
from eva.training.job import Plan
from eva.training.sft import plan
from eva.training.sft_trainer import fit
from eva.training.train_or_reuse import train_or_reuse


def flip(path: Path, at: float = 0.6, count: int = 64) -> None:
    """Invert some bytes of a file; its size and its time stay."""
    status, content = path.stat(), bytearray(path.read_bytes())
    start = int(at * (len(content) - count))
    content[start : start + count] = bytes(255 - byte for byte in content[start : start + count])
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.fixture(scope="module")
def planned(tiny: Path, dialogues: Any, sft: Any) -> Plan[Any]:
    settings = sft.model_copy(update={"epochs": 2, "save_steps": 2})
    return plan(settings, dialogues[:6], dialogues[6:], tiny, 1)


@pytest.fixture(scope="module")
def interrupted(planned: Plan[Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with its last two checkpoints, 4 and 6 of 6 steps, and what it becomes."""
    folder = tmp_path_factory.mktemp("interrupted")
    fit(planned.job, folder, None)
    return folder


@pytest.fixture
def folder(interrupted: Path, tmp_path: Path) -> Path:
    shutil.copytree(interrupted / "trainer", tmp_path / "trainer")
    return tmp_path


def test_every_checkpoint_is_sealed_with_all_its_files(folder: Path) -> None:
    for checkpoint in folder.glob("trainer/checkpoint-*"):
        names = {path.name for path in checkpoint.iterdir()}
        sealed = set(read_json(checkpoint / "manifest.json"))
        assert sealed == names - {"manifest.json"}
        assert {"model.safetensors", "optimizer.pt", "rng_state.pth", "trainer_state.json"} <= sealed


def test_a_checkpoint_takes_what_the_forecast_of_the_disk_says(
    planned: Plan[Any], interrupted: Path, tiny: Path
) -> None:
    from eva.models.loading import load_model

    checkpoint = interrupted / "trainer/checkpoint-4"
    size = sum((checkpoint / name).stat().st_size for name in ("model.safetensors", "optimizer.pt"))
    assert size == pytest.approx(12 * load_model(tiny).num_parameters(), rel=0.05)
    assert planned.needed == 3 * 12 * load_model(tiny).num_parameters()


@pytest.mark.parametrize(
    "name", ["model.safetensors", "optimizer.pt", "rng_state.pth", "scheduler.pt", "trainer_state.json"]
)
def test_flipped_bytes_send_the_training_back_to_the_checkpoint_before(
    folder: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoint = folder / "trainer/checkpoint-6"
    assert newest_checkpoint(folder) == checkpoint
    flip(checkpoint / name)
    with caplog.at_level(logging.WARNING):
        assert newest_checkpoint(folder) == folder / "trainer/checkpoint-4"
    assert f"{name} does not match its sha256 digest" in caplog.text and "checkpoint-6" in caplog.text


def test_it_resumes_from_the_valid_one_to_the_same_weights(
    planned: Plan[Any], folder: Path, interrupted: Path, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    run = store / fingerprint(planned.inputs)
    shutil.copytree(folder / "trainer", run / "trainer")
    flip(run / "trainer/checkpoint-6/optimizer.pt")
    result = train_or_reuse(planned, fit, tmp_path / "out", store)
    assert result.resumed_from == 4
    alone = read_json(interrupted / "result.json")
    assert (result.metrics, result.history) == (alone["metrics"], alone["history"])
    weights = (tmp_path / "out/model.safetensors").read_bytes()
    assert weights == (interrupted / "final/model.safetensors").read_bytes()


@pytest.mark.parametrize("damage", ["flipped", "cut", "gone", "manifest"])
def test_a_damaged_finished_training_is_never_reused(
    planned: Plan[Any], interrupted: Path, tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    calls = []

    def copied(job: Any, folder: Path, checkpoint: Path | None) -> None:
        calls.append(folder)
        shutil.copytree(interrupted / "final", folder / "final")
        shutil.copy(interrupted / "result.json", folder / "result.json")

    store = tmp_path / "store"
    first = train_or_reuse(planned, copied, tmp_path / "first", store)
    assert train_or_reuse(planned, copied, tmp_path / "again", store).reused and len(calls) == 1
    run = store / first.fingerprint
    file = run / ("manifest.json" if damage == "manifest" else "final/model.safetensors")
    content = file.read_bytes()
    file.unlink()  # it is a hard link of what was delivered
    if damage != "gone":
        file.write_bytes(content[:-9] if damage in ("cut", "manifest") else content)
    if damage == "flipped":
        flip(file)
    with caplog.at_level(logging.WARNING):
        second = train_or_reuse(planned, copied, tmp_path / "second", store)
    assert not second.reused and len(calls) == 2
    assert ("manifest.json" if damage == "manifest" else "model.safetensors") in caplog.text
    weights = (tmp_path / "second/model.safetensors").read_bytes()
    assert weights == (interrupted / "final/model.safetensors").read_bytes()


def _killed_at(when: str, job: Any, folder: Path) -> None:
    """A training that a SIGKILL ends while it writes checkpoint-4."""
    import torch

    def die(*args: Any, **kwargs: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    seal, save = checkpoints.seal, torch.save

    def sealing(written: Path, files: Any) -> None:
        seal(written, files) if written.name == "checkpoint-2" else die()

    def saving(value: Any, path: Any, *args: Any, **kwargs: Any) -> None:
        save(value, path, *args, **kwargs)
        if "checkpoint-4" in str(path) and str(path).endswith("optimizer.pt"):
            os.truncate(path, Path(path).stat().st_size // 2)
            die()

    if when == "manifest":
        checkpoints.seal = sealing
    else:
        torch.save = saving
    fit(job, folder, None)


@pytest.mark.slow
@pytest.mark.parametrize("when", ["manifest", "optimizer"])
def test_a_kill_while_a_checkpoint_is_written_leaves_the_one_before(
    planned: Plan[Any], tmp_path: Path, when: str
) -> None:
    pid = forked(lambda: _killed_at(when, planned.job, tmp_path), tmp_path / "log")
    assert ended(pid) == -signal.SIGKILL, (tmp_path / "log").read_text()[-2000:]
    assert (tmp_path / "trainer/aside/checkpoint-4").is_dir()
    assert not (tmp_path / "trainer/checkpoint-4").exists()
    assert newest_checkpoint(tmp_path) == tmp_path / "trainer/checkpoint-2"
