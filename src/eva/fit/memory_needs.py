"""Bytes that a stage holds on its device at its peak: weights, gradients, Adam, activations, cache.

The activations of a decoder layer, for one token: what PyTorch keeps for the backward pass of two
norms, four projections, fused attention and a gated feed-forward.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from eva.artifacts import read_json
from eva.fit.architecture import Architecture
from eva.settings.dpo_section import Dpo
from eva.settings.generate_section import Generate
from eva.settings.scorer_section import Scorer
from eva.settings.training_section import Training
from eva.training.footprint import moments_bytes, optimizer_name

Format = Literal["bf16", "fp32"]

_WIDTH = {"bf16": 2, "fp32": 4}
_WEIGHT = _GRADIENT = 4  # SFT keeps both in float32; bf16 is an autocast
_MOMENTS = 8  # Adam's two, float32
_STEP = 3  # float32 copies of one matrix that a step of Adafactor makes, one matrix after the other
_LOGITS = 3 * 4  # logits, their log-softmax and their gradient, float32
_READING = 64  # rows that the scorers read at once


@dataclass(frozen=True)
class Sharding:
    """What DeepSpeed's ZeRO spreads over the processes."""

    weights: int = 1
    gradients: int = 1
    moments: int = 1


def sharding(settings: Training, root: Path) -> Sharding:
    """By the stage of ZeRO in the settings' DeepSpeed configuration."""
    if settings.deepspeed is None or not (root / settings.deepspeed).is_file():
        return Sharding()
    config: dict[str, Any] = read_json(root / settings.deepspeed)
    stage, n = config.get("zero_optimization", {}).get("stage", 0), settings.processes
    return Sharding(n if stage >= 3 else 1, n if stage >= 2 else 1, n if stage >= 1 else 1)


def sft_memory(
    model: Architecture, settings: Training, precision: Format, length: int, scored: float, over: Sharding
) -> float:
    """A full-parameter training step on `batch_size` sequences of `length` tokens, `scored` with a loss."""
    states = _WEIGHT / over.weights + _GRADIENT / over.gradients + moments_bytes(settings) / over.moments
    copies = 2 if precision == "bf16" else 0  # autocast keeps the weights in bfloat16 beside
    gathered = 2 * model.layer * _WEIGHT if over.weights > 1 else 0
    held = _activations(model, settings, precision, settings.batch_size * length)
    held += settings.batch_size * scored * model.vocab * _LOGITS
    return model.parameters * (states + copies / over.weights) + gathered + max(held, _step(model, settings))


def dpo_memory(
    model: Architecture, settings: Dpo, precision: Format, tokens: float, scored: float, targets: list[str]
) -> float:
    """A step of LoRA DPO on `tokens` tokens, `scored` of them with a loss; frozen weights are there once.

    A frozen matrix keeps nothing of its input; an adapter keeps it, dropped out and what was dropped.
    """
    adapter = model.adapter(settings.r, targets) * (_WEIGHT + _GRADIENT + moments_bytes(settings))
    dropout = (2 if settings.dropout else 1) * sum(model.input_width(name) for name in targets)
    layer = 3 * model.hidden + 4 * model.query + 3 * model.intermediate + dropout
    return (
        model.parameters * _WIDTH[precision]
        + adapter
        + _kept(model, layer, settings, precision, tokens)
        + scored * model.vocab * _LOGITS
    )


def generate_memory(
    model: Architecture, settings: Generate, precision: Format, context: int, new: int, conversations: int
) -> float:
    """Weights, key-value cache of conversations and their answers, and what reading one takes."""
    width, rows = _WIDTH[precision], settings.batch_size
    cache = 2 * model.layers * model.key * width * (conversations * context + rows * new)
    reading = context * (4 * model.hidden + 3 * model.intermediate) * width
    return model.parameters * width + cache + reading + rows * model.vocab * 4 * 6


def classifier_memory(model: Architecture, batch: int, length: int) -> float:
    """Fine-tuning an encoder: the untouched one, the one that learns, and the mean of the folds'."""
    per_token = 12 * model.hidden + 2 * model.intermediate + 3 * model.heads * length
    training = batch * length * model.layers * per_token * 4
    return model.parameters * (2 * _WEIGHT + _GRADIENT + _MOMENTS + _WEIGHT) + training


def reading_memory(model: Architecture, settings: Scorer) -> float:
    """An untouched model that reads many texts at once."""
    tokens = _READING * settings.max_length
    return model.parameters * 4 + tokens * (6 * model.hidden + 3 * model.intermediate) * 4


def mapped_bytes(model: Architecture, precision: Format) -> float:
    """Of the computer's memory: the file of float32 weights, mapped while they are made bfloat16."""
    return 4.0 * model.parameters if precision == "bf16" else 0.0


def _step(model: Architecture, settings: Training) -> float:
    """What a step of the optimizer takes in passing; PyTorch's fused AdamW works in place."""
    largest = max(model.embedding, model.hidden * model.intermediate)
    return _STEP * _WEIGHT * largest if optimizer_name(settings) == "adafactor" else 0.0


def _activations(model: Architecture, settings: Training, precision: Format, tokens: float) -> float:
    layer = 8 * model.hidden + 2 * (model.query + model.key) + 4 * model.intermediate
    return _kept(model, layer, settings, precision, tokens)


def _kept(model: Architecture, layer: float, settings: Training, precision: Format, tokens: float) -> float:
    """What the backward pass needs of `tokens` tokens, of each `layer` numbers in a layer."""
    width = 3 if precision == "bf16" else 4  # under autocast, norms and residuals stay in float32
    if settings.gradient_checkpointing:
        return tokens * width * (model.layers * model.hidden + layer)
    return tokens * width * model.layers * layer
