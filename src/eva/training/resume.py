"""The checkpoint store: one folder per training, named by everything that determines the result.

A finished training is reused, an interrupted one goes on from its newest complete checkpoint, and
two equal trainings never run at once. The folder holds `fingerprint.json` (the inputs in clear),
`trainer/checkpoint-<step>/` while it runs, and `final/` plus `result.json` once it is done.
"""

import json
import logging
import os
import re
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from eva.artifacts import digest_file, fingerprint, new_folder, require_room, write_json
from eva.settings.training_section import Training

log = logging.getLogger(__name__)

# They move work about or say how often to save; the trained weights do not depend on them.
_IRRELEVANT = {"launcher", "save_steps", "deepspeed"}
_MODEL_FILES = re.compile(
    r".*\.safetensors|.*\.safetensors\.index\.json|config\.json|tokenizer.*|chat_template.*"
    r"|special_tokens_map\.json|added_tokens\.json|vocab.*|merges\.txt"
)
_LIBRARIES = ("torch", "transformers", "trl", "peft", "accelerate")


@dataclass(frozen=True)
class Run:
    """A claimed folder of the store."""

    folder: Path
    fingerprint: str

    @property
    def final(self) -> Path:
        """The trained weights, complete."""
        return self.folder / "final"

    @property
    def result(self) -> Path:
        """Metrics and history; written last, so its presence means that the training is done."""
        return self.folder / "result.json"

    @property
    def finished(self) -> bool:
        return self.result.is_file() and self.final.is_dir()

    def discard_incomplete(self) -> None:
        """Delete checkpoints that a killed process left half-written (transformers#35782)."""
        for checkpoint in _checkpoints(self.folder):
            if fault := checkpoint_fault(checkpoint):
                log.warning("%s is incomplete (%s); going on from an earlier one", checkpoint.name, fault)
                shutil.rmtree(checkpoint)

    def tidy(self) -> None:
        """Delete what only an unfinished training needs."""
        for name in ("trainer", "examples"):
            shutil.rmtree(self.folder / name, ignore_errors=True)

    def deliver(self, out: Path) -> None:
        """Put the trained weights into `out`, as hard links where the file system allows them."""
        with new_folder(out) as folder:
            for source in sorted(p for p in self.final.rglob("*") if p.is_file()):
                target = folder / source.relative_to(self.final)
                target.parent.mkdir(parents=True, exist_ok=True)
                _link(source, target)


@contextmanager
def claim(store: Path, inputs: Mapping[str, Any], needed: int) -> Iterator[Run]:
    """Hold the store's folder for `inputs` while the block runs; an equal training waits outside.

    Raises:
        InputError: before anything is written, if the training is not finished and the `needed`
            bytes are not there.
    """
    name = fingerprint(inputs)
    folder = store / name
    if not Run(folder, name).finished:
        require_room(folder, needed)
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(store / f"{name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log.info("an equal training (%s) is running; waiting for it", name)
        lock.acquire()
    try:
        write_json(folder / "fingerprint.json", inputs)
        yield Run(folder, name)
    finally:
        lock.release()


def run_inputs(
    stage: str, settings: Training, model_dir: Path, seed: int, examples: Mapping[str, str]
) -> dict[str, Any]:
    """Everything that determines a training's result, in clear.

    `examples` are the digests of the token sequences themselves, so that a change of prompt,
    template or masking code makes another run; so does another version of a training library.
    """
    knobs = settings.model_dump(mode="json", exclude=_IRRELEVANT)
    deepspeed = digest_file(settings.deepspeed) if settings.deepspeed else None
    return {
        "stage": stage,
        "settings": {**knobs, "deepspeed": deepspeed},
        "seed": seed,
        "model": model_digests(model_dir),
        "examples": dict(examples),
        "libraries": {name: version(name) for name in _LIBRARIES},
    }


def model_digests(model_dir: Path) -> dict[str, str]:
    """sha256 of each file that decides what a model folder computes (not its provenance notes)."""
    files = sorted(p for p in model_dir.iterdir() if p.is_file() and _MODEL_FILES.fullmatch(p.name))
    return {path.name: digest_file(path) for path in files}


def newest_checkpoint(folder: Path) -> Path | None:
    """The complete checkpoint with the most steps below `folder`, if there is any."""
    complete = (path for path in reversed(_checkpoints(folder)) if checkpoint_fault(path) is None)
    return next(complete, None)


def checkpoint_step(checkpoint: Path) -> int:
    """Optimizer steps done when `checkpoint-<step>` was saved."""
    return int(checkpoint.name.rpartition("-")[2])


def checkpoint_fault(checkpoint: Path) -> str | None:
    """Why training cannot go on from this checkpoint; `None` if it can."""
    try:
        state = json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "trainer_state.json is missing or cut short"
    if state.get("global_step") != checkpoint_step(checkpoint):
        return "trainer_state.json belongs to another step"
    return _weights_fault(checkpoint) or _optimizer_fault(checkpoint)


def _weights_fault(checkpoint: Path) -> str | None:
    from safetensors import SafetensorError, safe_open

    names = {path.name for path in checkpoint.glob("*.safetensors")}
    for index in checkpoint.glob("*.safetensors.index.json"):
        names |= set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    if not names:
        return "no weights"
    for name in sorted(names):
        try:  # the header states the file's length, so opening it finds a cut file
            with safe_open(checkpoint / name, framework="numpy"):
                pass
        except (OSError, SafetensorError):
            return f"{name} is missing or cut short"
    return None


def _optimizer_fault(checkpoint: Path) -> str | None:
    if not (checkpoint / "optimizer.pt").is_file() and not (checkpoint / "latest").is_file():
        return "no optimizer state"
    # torch writes zip archives, whose directory is at the end: a cut file is none any more.
    states = [*checkpoint.rglob("*.pt"), *checkpoint.rglob("*.pth")]
    cut = next((path.name for path in sorted(states) if not zipfile.is_zipfile(path)), None)
    return cut and f"{cut} is cut short"


def _checkpoints(folder: Path) -> list[Path]:
    """Checkpoint folders, fewest steps first."""
    found = [p for p in folder.glob("trainer/checkpoint-*") if p.name.rpartition("-")[2].isdigit()]
    return sorted(found, key=checkpoint_step)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
