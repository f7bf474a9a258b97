"""The checkpoints of an unfinished training; only one that is whole and unchanged is resumed."""

import logging
import shutil
from pathlib import Path

from eva.manifest import folder_fault

log = logging.getLogger(__name__)


def newest_checkpoint(folder: Path) -> Path | None:
    """The checkpoint below `folder` with the most steps whose files all match its manifest.

    One that was cut short (by a kill while it was written) or altered is said in a warning.
    """
    for checkpoint in reversed(_checkpoints(folder)):
        fault = folder_fault(checkpoint)
        if fault is None:
            return checkpoint
        log.warning("%s cannot be resumed: %s; an earlier one is taken if there is any", checkpoint, fault)
    return None


def discard_later(folder: Path, checkpoint: Path | None) -> None:
    """Delete checkpoints with more steps than `checkpoint`: they are damaged, or it would be one of them."""
    done = checkpoint_step(checkpoint) if checkpoint else -1
    for later in _checkpoints(folder):
        if checkpoint_step(later) > done:
            shutil.rmtree(later)


def checkpoint_step(checkpoint: Path) -> int:
    """Optimizer steps done when `checkpoint-<step>` was saved."""
    return int(checkpoint.name.rpartition("-")[2])


def _checkpoints(folder: Path) -> list[Path]:
    """Checkpoint folders of a training, fewest steps first."""
    found = [p for p in folder.glob("trainer/checkpoint-*") if p.name.rpartition("-")[2].isdigit()]
    return sorted(found, key=checkpoint_step)
