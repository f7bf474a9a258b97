"""Freeing disk space in the stores: only entries that are not needed, and only while no run uses them."""

import logging
import shutil
from collections.abc import Iterable
from pathlib import Path

from filelock import FileLock, Timeout

from eva.manifest import NAME
from eva.storage.inventory import PAID, Stored
from eva.training.run_store import Run, release

log = logging.getLogger(__name__)


def freeable(found: Iterable[Stored], answers: bool = False, limit: int | None = None) -> list[Stored]:
    """The entries to delete, the longest unused first.

    Args:
        found: the inventory.
        answers: also delete responses that were paid for, unless the current settings may need them.
        limit: delete only until the stores hold at most this many bytes; None: all that can be deleted.
    """
    every = list(found)
    spare = [one for one in every if one.kept is None or (answers and one.kept == PAID)]
    excess = None if limit is None else sum(one.size for one in every) - limit
    chosen = []
    for one in sorted(spare, key=lambda one: one.used):
        if excess is not None and excess <= 0:
            break
        chosen.append(one)
        excess = None if excess is None else excess - one.size
    return chosen


def free(one: Stored, cache: Path | None) -> int:
    """Delete one entry; returns the bytes freed, 0 if it is in use or its weights are not in DVC's cache."""
    if one.kind == "weights":
        return release(Run(one.path.parent, one.path.parent.name), cache) if cache else 0
    if one.lock is None:
        return _delete(one)
    try:
        with FileLock(one.lock, timeout=0):
            return _delete(one)
    except Timeout:
        log.warning("%s is in use now and is kept", one.path)
        return 0


def _delete(one: Stored) -> int:
    size = one.size
    if one.kind == "training":
        (one.path / NAME).unlink(
            missing_ok=True
        )  # first, so that a half-deleted training never counts as finished
        shutil.rmtree(one.path)
    elif one.kind == "leftover" and one.path.is_dir():
        shutil.rmtree(one.path)
    else:
        for file in one.files:
            file.unlink()
    return size
