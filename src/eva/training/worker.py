"""A launched training process: `python -m eva.training.<trainer> FOLDER [CHECKPOINT]`, once per device."""

import logging
import os
import sys
from pathlib import Path

from eva.compat.chatter import silence_libraries
from eva.settings.training_section import Training
from eva.training.job import Fit, Job


def work(fit: Fit, section: type[Training]) -> None:
    """Train the job written in the folder that the command line names; only the first process reports.

    Args:
        fit: the trainer.
        section: class of the job's settings.
    """
    first = os.environ.get("RANK", "0") == "0"
    level = logging.INFO if first else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    silence_libraries()
    folder, *checkpoint = map(Path, sys.argv[1:])
    job = Job.read(folder, section)
    _join_group(job.settings)
    fit(job, folder, checkpoint[0] if checkpoint else None)


def _join_group(settings: Training) -> None:
    """Without a GPU, DeepSpeed must be told so, and its group made, before any configuration."""
    import torch

    if settings.deepspeed is None or torch.cuda.is_available():
        return
    os.environ["DS_ACCELERATOR"] = "cpu"
    import deepspeed

    deepspeed.init_distributed(dist_backend="gloo")
