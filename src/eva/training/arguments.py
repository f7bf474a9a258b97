"""Converts a section of the settings into the arguments that SFT's and DPO's trainers share."""

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
    """Optimizer steps of the whole training, computed in the same way as in transformers' Trainer."""
    batches = math.ceil(math.ceil(examples / settings.processes) / settings.batch_size)
    return math.ceil(settings.epochs * max(1, math.ceil(batches / accumulated(settings))))


def warmup_steps(settings: Training, steps: int) -> int:
    """Optimizer steps in which the learning rate rises to `lr`."""
    return math.ceil(settings.warmup * steps)


def trainer_arguments(settings: Training, folder: Path, seed: int, examples: int) -> dict[str, Any]:
    """Keyword arguments for `SFTConfig` and `DPOConfig`.

    Rows of similar length share a batch (1.01x instead of 1.3x padding on ESConv). Rows are already tokenised
    and truncated, so the trainer must not truncate them again. `settings.precision` must already be decided,
    so that all processes of a training use the same one, and `settings.extra` must already be checked.
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
        "remove_unused_columns": False,  # the sampler needs `length`, which the model does not take
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
