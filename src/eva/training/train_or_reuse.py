"""Runs one training: reused, resumed or new, in this process or in several."""

import errno
import logging
import shutil
from pathlib import Path
from typing import Any

from eva.compat.dvc_cache import running_cache
from eva.errors import InputError
from eva.training import launch
from eva.training.checkpoints import discard_later, newest_checkpoint, written_by
from eva.training.job import Fit, Job, Plan
from eva.training.result import Outcome, TrainResult
from eva.training.run_store import Run, claim, release_committed

log = logging.getLogger(__name__)

_FULL = 1 << 20  # bytes


def train_or_reuse(plan: Plan[Any], fit: Fit, out: Path, store: Path) -> TrainResult:
    """Train, resume or reuse, and write the weights to the folder `out` (replaced only at the end).

    Raises:
        InputError: no room for the checkpoints, or one that so many processes cannot read.
        RuntimeError: a training process failed.
    """
    _release_committed(store)
    with claim(store, plan.inputs, plan.needed) as run:
        reused = _is_reusable(run)
        if not reused:
            _train(plan.job, fit, run)
        run.deliver(out)
        outcome = Outcome.read(run.result)
    return TrainResult(
        outcome.metrics, outcome.history, run.fingerprint, reused, outcome.seconds, outcome.resumed_from
    )


def _is_reusable(run: Run) -> bool:
    if not run.finished:
        return False
    fault = run.fault()
    if fault is None:
        log.info("this training (%s) was done before; its weights are reused", run.fingerprint)
        return True
    log.warning("this training (%s) was done before, but %s; training again", run.fingerprint, fault)
    run.discard_result()
    return False


def _train(job: Job[Any], fit: Fit, run: Run) -> None:
    checkpoint = newest_checkpoint(run.folder)
    if checkpoint is not None:
        _require_readable(job, checkpoint)
        log.info("going on from %s", checkpoint.name)
    discard_later(run.folder, checkpoint)
    try:
        if launch.is_distributed(job.settings):
            job.write(run.folder)
            launch.start(job.settings, fit.__module__, run.folder, checkpoint)
        else:
            fit(job, run.folder, checkpoint)
    except Exception as error:
        if not _is_full(run.folder, error):
            raise
        raise InputError(
            f"{run.folder}: the disk is full; the checkpoints so far are kept. `eva store prune` shows what "
            "can be deleted without loss, EVA_CHECKPOINTS puts the store on another disk; then run the stage "
            "again, which resumes"
        ) from error
    run.finish()


def _require_readable(job: Job[Any], checkpoint: Path) -> None:
    """DeepSpeed divides its checkpoint by processes; any number of them goes on from an undivided one."""
    before, now = written_by(checkpoint), job.settings.processes
    if job.settings.deepspeed is not None and before != now:
        raise InputError(
            f"{checkpoint}: {before} processes under DeepSpeed wrote it, and only as many can go on from it; "
            f"set `processes: {before}` (now {now}), or delete it to begin again"
        )


def _is_full(folder: Path, error: Exception) -> bool:
    """Whether a full disk caused the error: by its errno, or, for other errors, by the free space."""
    return getattr(error, "errno", None) == errno.ENOSPC or shutil.disk_usage(folder).free < _FULL


def _release_committed(store: Path) -> None:
    if any(store.glob("*/final")) and (cache := running_cache()):
        release_committed(store, cache)
