"""Disk usage of a training and names of the linear modules, from the model's configuration alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eva.errors import InputError, raise_if
from eva.settings.training_section import Training

_CHECKPOINTS = 3  # two are kept while the next is written; the final weights are smaller than one checkpoint
_WEIGHT = 4  # float32
_ADAM = 8  # its two moments, float32
# Adafactor keeps a row and a column of each matrix, which is next to nothing.
_SMALLER = {"adafactor": 0.1, "sgd": 0.0, "adamw_8bit": 2.0, "adamw_bnb_8bit": 2.0, "paged_adamw_8bit": 2.0}


def optimizer_name(settings: Training) -> str:
    """The optimizer as TRL names it; AdamW unless `extra.optim` names another."""
    named = settings.extra.get("optim", "adamw_torch")
    return str(getattr(named, "value", named))


def moments_bytes(settings: Training) -> float:
    """What the optimizer keeps of a parameter."""
    return _SMALLER.get(optimizer_name(settings), _ADAM)


def checkpoint_bytes(settings: Training) -> float:
    """Of a parameter in a checkpoint: weight and moments, and DeepSpeed's own copy of the weight."""
    return _WEIGHT * (1 if settings.deepspeed is None else 2) + moments_bytes(settings)


def most_bytes(parameters: float, settings: Training) -> int:
    """The most bytes that the checkpoint store needs to train `parameters` (see benchmarks/disk.py)."""
    return round(parameters * _CHECKPOINTS * checkpoint_bytes(settings))


def full_bytes(model_dir: Path, settings: Training) -> int:
    """The most bytes that a full-parameter training of the model writes."""
    return most_bytes(sum(parameter.numel() for parameter in _skeleton(model_dir).parameters()), settings)


def adapter_bytes(model_dir: Path, targets: Sequence[str], r: int, settings: Training) -> int:
    """The most bytes that a LoRA training of rank `r` writes.

    Raises:
        InputError: a target is not the name of a linear module of the model, or is its language-model head.
    """
    linear = _linear_modules(model_dir)
    leaves = sorted({name.rpartition(".")[2] for name in linear} - {"lm_head"})
    problems = [] if targets else ["no target: ALI would train nothing"]
    for target in targets:
        if target == "lm_head":
            problems.append(
                "lm_head: DPO reads the head's weights directly, so an adapter there never learns"
            )
        elif not any(_matches(name, target) for name in linear):
            problems.append(f"{target!r} matches no module of {model_dir.name}")
    raise_if([f"{p}; this model has {', '.join(leaves)}" for p in problems], "lora_targets")
    adapted = [size for name, size in linear.items() if any(_matches(name, t) for t in targets)]
    return most_bytes(r * sum(adapted), settings)


def _matches(name: str, target: str) -> bool:
    """PEFT's rule: the whole dotted name or its last parts."""
    return name == target or name.endswith(f".{target}")


def _linear_modules(model_dir: Path) -> dict[str, int]:
    """Dotted name of each linear module -> its inputs plus outputs."""
    from torch.nn import Linear

    modules = _skeleton(model_dir).named_modules()
    return {name: m.in_features + m.out_features for name, m in modules if isinstance(m, Linear)}


def _skeleton(model_dir: Path) -> Any:
    """The model without its weights."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        config = AutoConfig.from_pretrained(model_dir, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{model_dir}: no usable config.json ({error}); run its `backbone` stage") from None
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config, trust_remote_code=False)
