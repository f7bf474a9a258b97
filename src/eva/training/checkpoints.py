"""The checkpoints of an unfinished training; only one that is whole and unchanged is resumed.

A checkpoint is written below `trainer/aside/`, sealed with a manifest, and renamed to
`trainer/checkpoint-<step>`. So none of that name is half written, and one that was altered since is found
by its digests, before anything of it is read: DeepSpeed reads its own parts as pickles.
"""

import logging
import shutil
from pathlib import Path

from eva.manifest import folder_fault, seal

log = logging.getLogger(__name__)

ASIDE = "aside"
_KEPT = 2


def newest_checkpoint(folder: Path) -> Path | None:
    """The checkpoint below `folder` with the most steps whose files all match its manifest.

    One that was cut short or altered is said in a warning.
    """
    for checkpoint in reversed(_checkpoints(folder / "trainer")):
        fault = folder_fault(checkpoint)
        if fault is None:
            return checkpoint
        log.warning("%s cannot be resumed: %s; an earlier one is used if there is one", checkpoint, fault)
    return None


def put_in_place(written: Path) -> None:
    """Seal a complete checkpoint of `trainer/aside/` and give it its name; only the newest two stay."""
    seal(written, (path for path in written.rglob("*") if path.is_file()))
    trainer = written.parent.parent
    written.replace(trainer / written.name)
    for old in _checkpoints(trainer)[:-_KEPT]:
        shutil.rmtree(old)


def discard_later(folder: Path, checkpoint: Path | None) -> None:
    """Delete checkpoints with more steps than `checkpoint`: they are damaged, or it would be one of them.

    What a kill left half written goes too.
    """
    shutil.rmtree(folder / "trainer" / ASIDE, ignore_errors=True)
    done = checkpoint_step(checkpoint) if checkpoint else -1
    for later in _checkpoints(folder / "trainer"):
        if checkpoint_step(later) > done:
            shutil.rmtree(later)


def checkpoint_step(checkpoint: Path) -> int:
    """Optimizer steps done when `checkpoint-<step>` was saved."""
    return int(checkpoint.name.rpartition("-")[2])


def written_by(checkpoint: Path) -> int:
    """How many processes wrote it: each leaves the state of its random numbers."""
    return sum(1 for _ in checkpoint.glob("rng_state*.pth"))


def _checkpoints(trainer: Path) -> list[Path]:
    """Checkpoint folders of a training, fewest steps first."""
    found = [p for p in trainer.glob("checkpoint-*") if p.name.rpartition("-")[2].isdigit()]
    return sorted(found, key=checkpoint_step)
