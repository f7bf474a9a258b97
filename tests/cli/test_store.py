"""`eva store` frees what nothing needs, on real stores, and nothing else."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from filelock import FileLock
from typer.testing import CliRunner

from eva.artifacts import fingerprint, is_abandoned, new_folder, write_json
from eva.cli import app
from eva.generation.half_finished import resumable
from eva.generation.local import computation
from eva.manifest import seal
from eva.settings.params_file import Settings, read_settings
from eva.storage.inventory import Stored
from eva.training.run_store import Run, claim, known_inputs

MB = 1_000_000


@pytest.fixture
def checkout(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(root / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    for variable in ("EVA_CHECKPOINTS", "EVA_ANSWERS"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path


@pytest.fixture
def settings(checkout: Path) -> Settings:
    return read_settings(checkout / "params.yaml")


def _training(settings: Settings, finished: bool, **changes: Any) -> Run:
    """A training of the current settings, or of changed ones, as large as a megabyte."""
    dpo = settings.dpo.model_copy(update={"precision": "fp32", **changes})
    inputs = {**known_inputs("dpo", "eva.training.dpo_trainer", dpo), "seed": settings.matrix.seeds[0]}
    with claim(Path(".eva/checkpoints"), inputs, MB) as run:
        folder = run.final if finished else run.folder / "trainer" / "checkpoint-3"
        folder.mkdir(parents=True)
        (folder / "model.safetensors").write_bytes(os.urandom(MB))
        if finished:
            write_json(run.result, {"metrics": {}})
            run.finish()
        else:
            seal(folder, folder.iterdir())
    return run


def _responses(settings: Settings, **changes: Any) -> Path:
    generate = {**settings.generate.model_dump(mode="json"), **changes}
    inputs = {**computation(), "generate": generate, "seed": settings.matrix.seeds[0], "prompt": "eva"}
    with resumable(Path(".eva/checkpoints"), inputs):
        pass
    return Path(f".eva/checkpoints/generate-{fingerprint(inputs)}.jsonl")


def _eva(*words: str) -> str:
    done = CliRunner().invoke(app, ["store", *words], catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


def test_nothing_of_the_current_settings_goes_and_all_else_does(settings: Settings) -> None:
    kept = [_training(settings, True).folder, _responses(settings)]
    half = _training(settings, False, lr=settings.dpo.lr / 3)
    spare = [_training(settings, True, beta=0.77).folder, half.folder, _responses(settings, top_p=0.123)]
    listed = _eva("list")
    assert "3.0 MB in all" in listed and "beta 0.77 (now" in listed and "unfinished at step 3" in listed
    shown = _eva("prune")
    assert "nothing was deleted" in shown and "frees these 2.0 MB" in shown
    assert all(path.exists() for path in [*kept, *spare])
    assert "freed 2.0 MB" in _eva("prune", "--yes")
    assert all(path.exists() for path in kept) and not any(path.exists() for path in spare)
    assert "nothing to free; 2 entries are kept" in _eva("prune", "--yes")


def test_what_a_running_stage_uses_stays(settings: Settings) -> None:
    run = _training(settings, False, beta=0.77)
    lock = FileLock(run.folder.with_name(f"{run.fingerprint}.lock"))
    with lock:
        assert "stays: a run is using it" in _eva("list")
        assert "nothing to free" in _eva("prune", "--yes")
    assert run.folder.exists()
    assert "freed 1.0 MB" in _eva("prune", "--yes")


def test_a_limit_frees_the_longest_unused_first_and_no_more_than_it_must(settings: Settings) -> None:
    runs = [_training(settings, True, beta=beta) for beta in (0.7, 0.8, 0.9)]
    for age, run in enumerate(reversed(runs)):  # the first is the oldest
        for path in run.folder.rglob("*"):
            os.utime(path, (10**9 - age, 10**9 - age))
    _eva("prune", "--yes", "--keep", "0.0025")
    assert [run.folder.exists() for run in runs] == [False, True, True]


def test_paid_answers_go_only_when_asked_and_never_those_of_current_models(
    checkout: Path, settings: Settings
) -> None:
    params = yaml.safe_load((checkout / "params.yaml").read_text())
    params["backbones"]["served"] = {
        "role": "causal", "source": "endpoint", "id": "asked-now", "trainable": False,
    }  # fmt: skip
    (checkout / "params.yaml").write_text(yaml.safe_dump(params))
    for number, model in enumerate(["asked-now", "asked-once"]):
        body = {"request": {"url": "u", "body": {"model": model}}, "answer": {}}
        write_json(Path(f".eva/answers/{number}.json"), body)
    assert "nothing to free" in _eva("prune", "--yes")
    assert "asked-once" in _eva("prune", "--yes", "--answers")
    assert [path.name for path in Path(".eva/answers").iterdir()] == ["0.json"]


KILLED = """
import sys, time
from pathlib import Path
from eva.artifacts import new_folder
with new_folder(Path(sys.argv[1])) as folder:
    (folder / "model.safetensors").write_bytes(bytes(1_000_000))
    print("begun", flush=True)
    time.sleep(60)
"""


def test_what_a_killed_process_left_is_shown_and_freed_and_what_is_being_written_is_not(
    checkout: Path,
) -> None:
    outs = [checkout / "models" / "sft" / "a", checkout / ".eva" / "checkpoints" / "f00" / "final"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    writing = [
        subprocess.Popen([sys.executable, "-c", KILLED, str(out)], env=environment, stdout=subprocess.PIPE)
        for out in outs
    ]
    for process in writing:
        assert process.stdout is not None and process.stdout.readline() == b"begun\n"
    left = [next(out.parent.glob(f".{out.name}.*")) for out in outs]
    for path in left:
        os.utime(path, (10**9, 10**9))
    assert _eva("list").count("[stays: a run is using it]") == 2
    assert "nothing to free" in _eva("prune", "--yes")

    writing[0].kill()
    writing[0].wait()
    listed = _eva("list")
    assert "a, half-written by a process that was killed [can be freed]" in listed
    assert "freed 1.0 MB" in _eva("prune", "--yes")
    assert [path.exists() for path in left] == [False, True]

    writing[1].kill()
    writing[1].wait()
    with new_folder(outs[1]) as folder:  # who writes the same again takes it away
        assert not left[1].exists() and folder.is_dir()


def test_what_is_renamed_while_the_list_is_made_is_no_error(tmp_path: Path) -> None:
    gone = tmp_path / ".scores.json.x.partial"
    assert not is_abandoned(gone)
    assert Stored("leftover", gone, None, "", None, (gone,)).size == 0


def test_what_was_to_be_replaced_stays_until_something_stands_in_its_place(checkout: Path) -> None:
    old = checkout / "models" / ".a.k2j3h4g5.replaced"
    old.mkdir(parents=True)
    (old / "weights").write_bytes(bytes(MB))
    os.utime(old, (10**9, 10**9))
    assert "it was a, which is not there: rename it to have it back" in _eva("list")
    assert "nothing to free" in _eva("prune", "--yes")
    (checkout / "models" / "a").mkdir()
    assert "freed 1.0 MB" in _eva("prune", "--yes")
    assert not old.exists()


@pytest.mark.slow
def test_weights_go_when_dvc_has_the_same_bytes_and_come_back_from_there(
    checkout: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dvc(*words: str) -> None:
        subprocess.run([sys.executable, "-m", "dvc", *words], check=True, capture_output=True)

    subprocess.run(["git", "init", "-q"], check=True)
    dvc("init", "-q")
    run = _training(settings, True)
    run.deliver(Path("models/dpo"))
    content = (run.final / "model.safetensors").read_bytes()
    assert "[can be freed]" not in _eva("list")
    dvc("add", "-q", "models/dpo")
    assert "also in DVC's cache" in _eva("list")
    assert "freed 1.0 MB" in _eva("prune", "--yes")
    assert not run.final.exists() and run.finished
    monkeypatch.setenv("DVC_ROOT", str(checkout))
    assert run.fault() is None
    run.deliver(Path("models/again"))
    assert Path("models/again/model.safetensors").read_bytes() == content
    (cached,) = Path(".dvc/cache").rglob(_md5(run))
    cached.chmod(0o644)
    cached.write_bytes(bytes(MB))
    assert "does not match its sha256" in str(run.fault())


def _md5(run: Run) -> str:
    name: str = json.loads((run.folder / "manifest.json").read_text())["final/model.safetensors"]["md5"]
    return name[2:]
