"""Checks of a training's settings, before a model is loaded."""

import logging
import math
from typing import TypeVar

from eva.devices import decide
from eva.errors import raise_if
from eva.settings.training_section import Training
from eva.training.arguments import total_steps, warmup_steps
from eva.training.attention import attention_problems
from eva.training.launch import launch_problems
from eva.training.trl_extra import Stage, extra_problems, typed_extra, unread_problems

SettingsT = TypeVar("SettingsT", bound=Training)

log = logging.getLogger(__name__)


def training_problems(stage: Stage, settings: Training, examples: int | None = None) -> list[str]:
    """The problems of a section, one message each.

    Args:
        stage: `sft` or `dpo`.
        settings: its section.
        examples: number of training rows (windows of dialogues, or pairs), if it is known.
    """
    few = [] if examples is None else learning_problems(settings, examples)
    trees = getattr(settings, "trainer", None) == "tree"
    attention = attention_problems(settings.attention, trees)
    unread = unread_problems(settings.extra) if stage == "sft" or trees else []
    return [*launch_problems(settings), *attention, *extra_problems(stage, settings.extra), *unread, *few]


def ready(stage: Stage, settings: SettingsT) -> SettingsT:
    """The section with its precision decided and `extra` in TRL's types.

    Raises:
        InputError: listing all problems of the section.
    """
    raise_if(training_problems(stage, settings), stage)
    precision = decide(settings.precision, f"{stage}.precision").name
    extra = typed_extra(stage, settings.extra)
    return settings.model_copy(update={"precision": precision, "extra": extra})


def learning_problems(settings: Training, examples: int) -> list[str]:
    """A problem if the training would end during warm-up, before it reaches its full learning rate."""
    steps = total_steps(settings, examples)
    if warmup_steps(settings, steps) < steps:
        return []
    return [
        f"warmup: {settings.warmup:g} covers all {steps} optimizer step(s), so the learning rate "
        f"never reaches {settings.lr:g} ({examples} examples, {settings.epochs:g} epochs, "
        f"{settings.batch_size} x {settings.accumulation} per step); set warmup: 0, more epochs or a smaller "
        "batch_size or accumulation"
    ]


def require_learning(stage: Stage, settings: Training, examples: int) -> None:
    """Refuse a training of too few steps; log the number of steps.

    Raises:
        InputError: the warm-up would last until the end.
    """
    raise_if(learning_problems(settings, examples), stage)
    steps = total_steps(settings, examples)
    per_epoch = math.ceil(steps / settings.epochs)
    log.info("%s: %d examples, %d optimizer steps (%d per epoch)", stage, examples, steps, per_epoch)
