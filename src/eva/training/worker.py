"""A launched training process: `python -m eva.training.<trainer> FOLDER [CHECKPOINT]`, once per device."""

import faulthandler
import logging
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path

from eva.compat.chatter import silence_libraries
from eva.compat.parent_death import end_with_parent
from eva.errors import InputError
from eva.settings.training_section import Training
from eva.training.job import Fit, Job

TIMEOUT = 1800  # seconds; transformers' own default, `extra.ddp_timeout` sets another

log = logging.getLogger(__name__)


def work(fit: Fit, section: type[Training]) -> None:
    """Train the job in the folder given on the command line; only the first process writes log lines.

    A process that another one kept waiting in vain says so; torchrun then ends the rest, each of which shows
    where it was.

    Args:
        fit: function that trains.
        section: class of the job's settings.
    """
    end_with_parent()
    rank = os.environ.get("RANK", "0")
    level = logging.INFO if rank == "0" else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    silence_libraries()
    faulthandler.register(signal.SIGTERM, chain=True)
    folder, *checkpoint = map(Path, sys.argv[1:])
    job = Job.read(folder, section)
    seconds = int(job.settings.extra.get("ddp_timeout", TIMEOUT))
    _join_group(job.settings, seconds)
    try:
        fit(job, folder, checkpoint[0] if checkpoint else None)
    except KeyboardInterrupt:
        log.warning("stopped; the same stage resumes from the checkpoint that was saved")
        sys.exit(128 + signal.SIGINT)
    except InputError as error:
        log.error("%s", error)
        sys.exit(2)
    except RuntimeError as error:
        if "timed out" in str(error).lower():
            log.error(
                "process %s waited %d s in vain for another one, which hangs or is stopped; it ends here. "
                "`extra: {ddp_timeout: SECONDS}` says how long to wait", rank, seconds,
            )  # fmt: skip
        raise


def _join_group(settings: Training, seconds: int) -> None:
    """Make the processes' group where transformers does not do it as asked, which is without a GPU.

    DeepSpeed must then be told so before any configuration, and transformers leaves the timeout out.
    """
    import torch

    if torch.cuda.is_available():
        return
    if settings.deepspeed is None:
        torch.distributed.init_process_group("gloo", timeout=timedelta(seconds=seconds))
        return
    os.environ["DS_ACCELERATOR"] = "cpu"
    import deepspeed

    deepspeed.init_distributed(dist_backend="gloo", timeout=timedelta(seconds=seconds))
