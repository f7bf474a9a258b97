"""A list of everything in the stores: trainings, partly generated responses, responses of endpoints."""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from eva.compat.dvc_cache import cached_file
from eva.manifest import read_manifest
from eva.storage.needed import Current
from eva.training.checkpoints import checkpoint_step
from eva.training.run_store import Run

UNDER_WAY = "a run is using it"
WANTED = "the current settings may need it"
PAID = "it was paid for"


@dataclass(frozen=True)
class Stored:
    """One entry of a store.

    Attributes:
        kind: `training`, `weights` (of a finished training that is needed: DVC's cache holds them too),
            `responses`, `answers`, or `leftover` of a process that was killed.
        path: file or folder that is deleted to free it.
        lock: held by a process that uses it; None where nothing does for long.
        about: what it is, in words.
        kept: why it must stay; None if it can be freed.
        files: all its files.
    """

    kind: str
    path: Path
    lock: Path | None
    about: str
    kept: str | None
    files: tuple[Path, ...] = field(repr=False)

    @property
    def size(self) -> int:
        """Bytes that deleting it frees; files with a second hard link elsewhere do not count."""
        return sum(stat.st_size for stat in self._stats() if stat.st_nlink == 1)

    @property
    def used(self) -> float:
        """Time of its last change, in seconds since 1970."""
        return max((stat.st_mtime for stat in self._stats()), default=0.0)

    def _stats(self) -> Iterator[os.stat_result]:
        """Of the files that are still there: a running stage may rename or delete some meanwhile."""
        for path in self.files:
            with suppress(FileNotFoundError):
                yield path.stat()


def inventory(checkpoints: Path, answers: Path, current: Current, cache: Path | None) -> list[Stored]:
    """All entries of both stores.

    Args:
        checkpoints: the store of trainings and partly generated responses.
        answers: the store of responses from endpoints.
        current: what the current settings may need.
        cache: DVC's cache, or None.
    """
    found = [*_trainings(checkpoints, current, cache), *_responses(checkpoints, current)]
    return [*found, *_answers(answers, current)]


def is_held(lock: Path | None) -> bool:
    """Whether a process holds the lock file."""
    if lock is None or not lock.exists():
        return False
    try:
        with FileLock(lock, timeout=0):
            return False
    except Timeout:
        return True


def _trainings(store: Path, current: Current, cache: Path | None) -> Iterator[Stored]:
    for clear in sorted(store.glob("*/fingerprint.json")):
        folder = clear.parent
        inputs = _inputs(clear)
        lock = folder.with_name(f"{folder.name}.lock")
        differs = current.training_difference(inputs)
        kept = UNDER_WAY if is_held(lock) else WANTED if differs is None else None
        about = f"{inputs.get('stage')}, seed {inputs.get('seed')}, {_state(folder)}"
        about += f"; differs from the current settings: {differs}" if differs else ""
        files, weights = _files(folder), folder / "final"
        if kept == WANTED and cache is not None and _in_cache(folder, cache):
            yield Stored("weights", weights, lock, f"{about}, also in DVC's cache", None, _files(weights))
            files = tuple(path for path in files if weights not in path.parents)
        yield Stored("training", folder, lock, about, kept, files)


def _state(folder: Path) -> str:
    if Run(folder, folder.name).finished:
        return "finished"
    steps = [checkpoint_step(path) for path in folder.glob("trainer/checkpoint-*")]
    if parts := len(list(folder.glob("*.safetensors"))):
        return f"unfinished, {parts} parts done"
    return f"unfinished at step {max(steps)}" if steps else "unfinished, no checkpoint yet"


def _in_cache(folder: Path, cache: Path) -> bool:
    """Whether DVC's cache has all weights of a finished training, by size; pruning compares their content."""
    if not (folder / "final").is_dir():
        return False
    entries = (read_manifest(folder) or {}).items()
    weights = [(cached_file(cache, e["md5"]), e["size"]) for n, e in entries if n.startswith("final/")]
    return bool(weights) and all(p.is_file() and p.stat().st_size == size for p, size in weights)


def _responses(store: Path, current: Current) -> Iterator[Stored]:
    for path in sorted(store.glob("generate-*.jsonl")):
        inputs = _first_row(path).get("inputs", {})
        lock = path.with_suffix(".lock")
        differs = current.generation_difference(inputs)
        kept = UNDER_WAY if is_held(lock) else WANTED if differs is None else None
        about = f"prompt {inputs.get('prompt', 'unknown')}, seed {inputs.get('seed', 'unknown')}"
        about += f"; differs from the current settings: {differs}" if differs else ""
        yield Stored("responses", path, lock, about, kept, (path,))


def _answers(folder: Path, current: Current) -> Iterator[Stored]:
    """Responses of endpoints, one entry for each model."""
    by_model: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("*.json")):
        model = _inputs(path).get("request", {}).get("body", {}).get("model", "unknown")
        by_model.setdefault(str(model), []).append(path)
    for model, files in by_model.items():
        kept = WANTED if model in current.endpoints else PAID
        yield Stored("answers", folder, None, f"{len(files)} responses of {model}", kept, tuple(files))


def _inputs(path: Path) -> Any:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _first_row(path: Path) -> Any:
    with path.open(encoding="utf-8", errors="replace") as file:
        try:
            found = json.loads(file.readline())
        except ValueError:
            return {}
    return found if isinstance(found, dict) else {}


def _files(folder: Path) -> tuple[Path, ...]:
    return tuple(sorted(path for path in folder.rglob("*") if path.is_file()))
