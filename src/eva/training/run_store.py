"""The checkpoint store: one folder per training, named by everything that determines the result.

A finished training is reused, an interrupted one continues from its newest valid checkpoint, and two
trainings with the same inputs never run at the same time. During the training, a folder has
`fingerprint.json` (the inputs) and `trainer/checkpoint-<step>/`; afterwards `result.json`, `final/` and,
written last, `manifest.json`. `final/` is deleted as soon as DVC's cache has the same files (ADR 18).
"""

import logging
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from eva.artifacts import digest_file, fingerprint, new_folder, require_disk_space, write_json
from eva.code_digest import code_digest
from eva.compat.dvc_cache import cached_file, running_cache
from eva.manifest import NAME, Entry, file_fault, read_manifest, seal
from eva.settings.training_section import Training

log = logging.getLogger(__name__)

# They move work about or say how often to save; but for rounding, the trained weights do not depend on them.
_IRRELEVANT = {"launcher", "save_steps", "deepspeed", "processes", "hosts", "rendezvous"}
_MODEL_FILES = re.compile(
    r".*\.safetensors|.*\.safetensors\.index\.json|config\.json|tokenizer.*|chat_template.*"
    r"|special_tokens_map\.json|added_tokens\.json|vocab.*|merges\.txt"
)
_LIBRARIES = ("torch", "transformers", "trl", "peft", "accelerate")


@dataclass(frozen=True)
class Run:
    """A training's folder in the store."""

    folder: Path
    fingerprint: str

    @property
    def final(self) -> Path:
        """Folder of the complete trained weights; deleted once DVC's cache has them."""
        return self.folder / "final"

    @property
    def result(self) -> Path:
        """File with metrics and history."""
        return self.folder / "result.json"

    @property
    def finished(self) -> bool:
        """Whether the training is finished; `fault` checks that its files are still unchanged."""
        return (self.folder / NAME).is_file()

    def finish(self) -> None:
        """Write the manifest of weights and result, and delete what only an unfinished training needs."""
        files = [self.result, *(path for path in self.final.rglob("*") if path.is_file())]
        seal(self.folder, files, ("sha256", "md5"))  # md5 is DVC's name for the content
        for name in ("trainer", "examples"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        (self.folder / "job.json").unlink(missing_ok=True)

    def fault(self) -> str | None:
        """Why a finished training cannot be used; None if all its files are unchanged."""
        entries = read_manifest(self.folder)
        if entries is None:
            return f"{NAME} cannot be read"
        faults = (file_fault(self.held_at(name, entry), entry) for name, entry in entries.items())
        return next((fault for fault in faults if fault is not None), None)

    def held_at(self, name: str, entry: Entry) -> Path:
        """Path of the file of a manifest's entry: in this folder, or in DVC's cache."""
        here = self.folder / name
        cache = None if here.is_file() else running_cache()
        return cached_file(cache, entry["md5"]) if cache else here

    def discard_result(self) -> None:
        """Delete the result of a finished training that is damaged."""
        (self.folder / NAME).unlink()
        self.result.unlink(missing_ok=True)
        shutil.rmtree(self.final, ignore_errors=True)

    def deliver(self, out: Path) -> None:
        """Put the trained weights into `out`, as hard links where the file system allows them."""
        entries = read_manifest(self.folder) or {}
        with new_folder(out) as folder:
            for name, entry in entries.items():
                if name.startswith("final/"):
                    target = folder / name.removeprefix("final/")
                    target.parent.mkdir(parents=True, exist_ok=True)
                    _link(self.held_at(name, entry), target)


@contextmanager
def claim(store: Path, inputs: Mapping[str, Any], needed: int) -> Iterator[Run]:
    """Lock the store's folder for `inputs` during the block; another training with them waits.

    Raises:
        InputError: before anything is written, if the training is not finished and the disk has less free
            space than the `needed` bytes minus those of its existing checkpoints.
    """
    name = fingerprint(inputs)
    folder = store / name
    if not Run(folder, name).finished:
        taken = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        require_disk_space(folder, max(0, needed - taken))
    folder.mkdir(parents=True, exist_ok=True)
    lock = lock_of(folder)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log.info("a training with the same inputs (%s) is running; waiting for it", name)
        lock.acquire()
    try:
        write_json(folder / "fingerprint.json", inputs)
        yield Run(folder, name)
    finally:
        lock.release()


def lock_of(folder: Path) -> FileLock:
    """The lock that the process training in this folder of the store holds."""
    return FileLock(folder.with_name(f"{folder.name}.lock"))


def run_inputs(
    stage: str, trainer: str, settings: Training, model_dir: Path, seed: int, examples: Mapping[str, str]
) -> dict[str, Any]:
    """Everything that determines a training's result, as plain data.

    `trainer` is the module that trains: its code and all EVA modules that it imports are included, and the
    versions of the training libraries. `examples` are digests of the token sequences, so that a change of
    prompt, template or masking code makes another run only if it changes a token.
    """
    return {
        **known_inputs(stage, trainer, settings),
        "seed": seed,
        "model": model_digests(model_dir),
        "examples": dict(examples),
    }


def known_inputs(stage: str, trainer: str, settings: Training) -> dict[str, Any]:
    """The part of `run_inputs` that needs neither model nor data."""
    knobs = settings.model_dump(mode="json", exclude=_IRRELEVANT)
    deepspeed = digest_file(settings.deepspeed) if settings.deepspeed else None
    return {
        "stage": stage,
        "settings": {**knobs, "deepspeed": deepspeed},
        "code": code_digest(trainer),
        "libraries": {name: version(name) for name in _LIBRARIES},
    }


def model_digests(model_dir: Path) -> dict[str, str]:
    """sha256 of each file that determines the outputs of a model (not its provenance file)."""
    files = sorted(p for p in model_dir.iterdir() if p.is_file() and _MODEL_FILES.fullmatch(p.name))
    return {path.name: digest_file(path) for path in files}


def release_committed(store: Path, cache: Path) -> int:
    """Delete the weights of finished trainings that DVC's cache has, too; returns the freed bytes."""
    runs = (Run(final.parent, final.parent.name) for final in sorted(store.glob("*/final")))
    return sum(release(run, cache) for run in runs)


def release(run: Run, cache: Path) -> int:
    """Delete the weights of a training if DVC's cache has the same bytes and no process uses them."""
    with held(run.folder) as free:
        entries = (read_manifest(run.folder) or {}) if free else {}
        weights = {name: entry for name, entry in entries.items() if name.startswith("final/")}
        cached = (file_fault(cached_file(cache, entry["md5"]), entry) is None for entry in weights.values())
        if not weights or not all(cached):
            return 0
        shutil.rmtree(run.final)
    log.info("the weights of training %s are in DVC's cache; the store's copy is deleted", run.fingerprint)
    return int(sum(entry["size"] for entry in weights.values()))


@contextmanager
def held(folder: Path) -> Iterator[bool]:
    """Lock a training's folder if no process uses it; yields whether it was locked."""
    lock = lock_of(folder)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
