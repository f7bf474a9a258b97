"""Settings of a section as the arguments that TRL's trainers share."""

import math
import sys
from pathlib import Path
from typing import Any

from eva.settings.training_section import Training


def effective_batch(settings: Training) -> int:
    """Sequences per optimizer step, however many processes share them."""
    return settings.batch_size * settings.accumulation


def accumulated(settings: Training) -> int:
    """Batches that one process reads for an optimizer step."""
    return settings.accumulation // settings.processes


def total_steps(settings: Training, examples: int) -> int:
    """Optimizer steps of the whole training, counted as the trainer counts them."""
    batches = math.ceil(math.ceil(examples / settings.processes) / settings.batch_size)
    return math.ceil(settings.epochs * max(1, math.ceil(batches / accumulated(settings))))


def warmup_steps(settings: Training, steps: int) -> int:
    """Optimizer steps in which the learning rate rises to `lr`."""
    return math.ceil(settings.warmup * steps)


def trainer_arguments(settings: Training, folder: Path, seed: int, examples: int) -> dict[str, Any]:
    """Keyword arguments for `SFTConfig` and `DPOConfig`.

    Rows of like length are batched together (1.01x instead of 1.3x padding on ESConv), and the
    rows come tokenised and cut, so the trainer must not cut them again. `settings.precision` is decided by
    now: the processes of one training must not measure it each for itself. `settings.extra` is checked.
    """
    import torch

    cpu = not torch.cuda.is_available()
    steps = total_steps(settings, examples)
    return {
        **settings.extra,
        "output_dir": str(folder / "trainer"),
        "num_train_epochs": settings.epochs,
        "learning_rate": settings.lr,
        "warmup_steps": warmup_steps(settings, steps),
        "per_device_train_batch_size": settings.batch_size,
        "per_device_eval_batch_size": settings.batch_size,
        "gradient_accumulation_steps": accumulated(settings),
        "activation_checkpointing": settings.gradient_checkpointing,
        "bf16": settings.precision == "bf16",
        "max_length": None,
        "train_sampling_strategy": "group_by_length",
        "remove_unused_columns": False,  # the sampler reads `length`; the collators take what they know
        "seed": seed,
        "data_seed": seed,
        "save_strategy": "steps",
        "save_steps": settings.save_steps,
        "logging_steps": 1,  # each step's own, so that no mean spans an interruption; see `callbacks.history`
        "logging_nan_inf_filter": False,  # `Repeatable` ends such a training
        "report_to": "none",
        "disable_tqdm": not sys.stderr.isatty(),
        "use_cpu": cpu,
        "ddp_backend": "gloo" if cpu and settings.launcher != "single" else None,
        "dataloader_pin_memory": not cpu,
        "deepspeed": str(settings.deepspeed) if settings.deepspeed else None,
    }
