"""The training process: `python -m eva.training.worker FOLDER`, once per device under a launcher."""

import logging
import os
import sys
from pathlib import Path

from eva.training.job import Job


def fit(folder: Path) -> None:
    """Train the job prepared in `folder`; returns when `final/` and `result.json` are written."""
    job = Job.read(folder)
    _join_group(job)
    if not sys.stderr.isatty():
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()
    if job.stage == "sft":
        from eva.training.sft_trainer import fit as fit_stage
    else:
        from eva.training.dpo_trainer import fit as fit_stage
    fit_stage(job, folder)


def _join_group(job: Job) -> None:
    """Without a GPU, DeepSpeed must be told so, and its group made, before any configuration."""
    import torch

    if job.section().deepspeed is None or torch.cuda.is_available():
        return
    os.environ["DS_ACCELERATOR"] = "cpu"
    import deepspeed

    deepspeed.init_distributed(dist_backend="gloo")


def main() -> None:
    """Entry of a launched process; only the first one reports."""
    first = os.environ.get("RANK", "0") == "0"
    level = logging.INFO if first else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(name)s %(message)s", datefmt="%H:%M:%S")
    fit(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
