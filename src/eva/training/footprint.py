"""What a model's configuration alone tells about a training: its modules and its size on disk."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eva.errors import InputError, raise_if

_CHECKPOINTS = 3  # two are kept while the next is written; the result alone is less than one of them


def most_bytes(parameters: int, deepspeed: bool) -> int:
    """Bytes that the store takes at most while `parameters` are trained (benchmarks/disk.py measures it).

    A checkpoint holds the weights and Adam's two moments, all float32; DeepSpeed's, its own copy of the
    weights besides.
    """
    return parameters * _CHECKPOINTS * (16 if deepspeed else 12)


def full_bytes(model_dir: Path, deepspeed: bool = False) -> int:
    """Bytes that a full-parameter training of the model writes at most."""
    parameters: int = sum(parameter.numel() for parameter in _skeleton(model_dir).parameters())
    return most_bytes(parameters, deepspeed)


def adapter_bytes(model_dir: Path, targets: Sequence[str], r: int, deepspeed: bool = False) -> int:
    """Bytes that a LoRA training of rank `r` writes at most.

    Raises:
        InputError: a target names no linear module of the model, or its language-model head.
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
    return most_bytes(r * sum(adapted), deepspeed)


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
