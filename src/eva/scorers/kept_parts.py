"""Resuming an interrupted scorer training: stored features and finished fits.

They are in the checkpoint store, in a folder named by the hash of everything that determines them, and are
deleted when the scorer is written.
"""

import logging
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from eva.artifacts import digest_path, fingerprint, write_json
from eva.code_digest import code_digest
from eva.devices import decide
from eva.settings.scorer_section import Scorer
from eva.stored_tensors import store, stored

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)

Tensors = dict[str, "torch.Tensor"]
_LIBRARIES = ("torch", "transformers")


@dataclass(frozen=True)
class Kept:
    """The stored parts of one training; without a folder nothing is stored."""

    folder: Path | None = None

    def part(self, name: str, make: Callable[[], Tensors]) -> Tensors:
        """The tensors of a part: the stored ones, or those that `make` returns, which are then stored."""
        if self.folder is None:
            return make()
        path = self.folder / f"{name}.safetensors"
        found = stored(path, self.folder.name)
        if found is not None:
            log.info("%s: done before the interruption", name)
            return found
        made = make()
        store(path, made, self.folder.name)
        return made


@contextmanager
def keeping(place: Path | None, inputs: Mapping[str, Any]) -> Iterator[Kept]:
    """The stored parts of the training that `inputs` determine, in the checkpoint store `place`.

    Without a store nothing is stored. A second training with the same inputs waits for the first. The parts
    are deleted when the block ends without an error.
    """
    if place is None:
        yield Kept()
        return
    folder = place / fingerprint(inputs)
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(f"{folder.name}.lock")):
        write_json(folder / "fingerprint.json", inputs)
        yield Kept(folder)
        shutil.rmtree(folder)


def known_inputs(stage: str, trainer: str, settings: Scorer) -> dict[str, Any]:
    """The part of `training_inputs` that needs neither model nor data; `trainer` is a module's name."""
    return {
        "stage": stage,
        "seed": settings.seed,
        "settings": settings.model_dump(mode="json"),
        "code": code_digest(trainer),
        "libraries": {name: version(name) for name in _LIBRARIES},
    }


def training_inputs(
    stage: str, trainer: str, settings: Scorer, models: Mapping[str, Path], rows: Any
) -> dict[str, Any]:
    """Everything that determines a scorer's training, as plain data; `models` are the folders it loads."""
    return {
        **known_inputs(stage, trainer, settings),
        "precision": decide(settings.precision, "scorer precision").name,
        "models": {name: digest_path(folder) for name, folder in models.items()},
        "rows": fingerprint(rows),
    }
