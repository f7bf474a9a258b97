"""Peak bytes on the device of a stage: weights, gradients, optimizer moments, activations, key-value cache.

The activations of a decoder layer are what PyTorch keeps per token for the backward pass of two norms,
four projections, fused attention and a gated feed-forward.
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
_WEIGHT = _GRADIENT = 4  # bytes; SFT keeps both in float32, and bf16 is an autocast
_MOMENTS = 8  # bytes of Adam's two moments in float32
_STEP = 3  # float32 copies of one matrix that a step of Adafactor makes, one matrix after the other
_LOGITS = 3 * 4  # logits, their log-softmax and their gradient, float32
_READING = 64  # texts in a batch of the scorers


@dataclass(frozen=True)
class Sharding:
    """The number of processes over which DeepSpeed's ZeRO divides weights, gradients and moments."""

    weights: int = 1
    gradients: int = 1
    moments: int = 1


def sharding(settings: Training, root: Path) -> Sharding:
    """The sharding by the ZeRO stage in the DeepSpeed configuration of the settings."""
    if settings.deepspeed is None or not (root / settings.deepspeed).is_file():
        return Sharding()
    config: dict[str, Any] = read_json(root / settings.deepspeed)
    stage, n = config.get("zero_optimization", {}).get("stage", 0), settings.processes
    return Sharding(n if stage >= 3 else 1, n if stage >= 2 else 1, n if stage >= 1 else 1)


def sft_memory(
    model: Architecture, settings: Training, precision: Format, length: int, scored: float, over: Sharding
) -> float:
    """Bytes of a full-parameter training step.

    Each of `batch_size` sequences has `length` tokens, of which `scored` have a loss.
    """
    states = _WEIGHT / over.weights + _GRADIENT / over.gradients + moments_bytes(settings) / over.moments
    copies = 2 if precision == "bf16" else 0  # autocast also keeps a bfloat16 copy of the weights
    gathered = 2 * model.layer * _WEIGHT if over.weights > 1 else 0
    held = _activations(model, settings, precision, settings.batch_size * length)
    held += settings.batch_size * scored * model.vocab * _LOGITS
    return model.parameters * (states + copies / over.weights) + gathered + max(held, _step(model, settings))


def dpo_memory(
    model: Architecture, settings: Dpo, precision: Format, tokens: float, scored: float, targets: list[str]
) -> float:
    """Bytes of a LoRA DPO step on `tokens` tokens, `scored` of them with a loss; frozen weights count once.

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
    """Bytes of generation: weights, key-value cache of dialogues and responses, and one forward pass."""
    width, rows = _WIDTH[precision], settings.batch_size
    cache = 2 * model.layers * model.key * width * (conversations * context + rows * new)
    reading = context * (4 * model.hidden + 3 * model.intermediate) * width
    return model.parameters * width + cache + reading + rows * model.vocab * 4 * 6


def classifier_memory(model: Architecture, batch: int, length: int, folds: int) -> float:
    """Bytes of fine-tuning an encoder: the pretrained one, the one in training, and those of all folds."""
    per_token = 12 * model.hidden + 2 * model.intermediate + 3 * model.heads * length
    training = batch * length * model.layers * per_token * 4
    return model.parameters * ((1 + folds) * _WEIGHT + _GRADIENT + _MOMENTS) + training


def reading_memory(model: Architecture, settings: Scorer) -> float:
    """Bytes of forward passes over batches of texts, without training."""
    tokens = _READING * settings.max_length
    return model.parameters * 4 + tokens * (6 * model.hidden + 3 * model.intermediate) * 4


def scoring_memory(model: Architecture, precision: Format, tokens: int) -> float:
    """Bytes of a forward pass over `tokens` tokens at once that scores at most all of them."""
    width = _WIDTH[precision]
    reading = tokens * (6 * model.hidden + 3 * model.intermediate) * width + tokens**2 * width
    return model.parameters * width + reading + tokens * model.vocab * (width + 2 * 4)


def mapped_bytes(model: Architecture, precision: Format) -> float:
    """Bytes of main memory for the file of float32 weights, mapped while they are converted to bfloat16."""
    return 4.0 * model.parameters if precision == "bf16" else 0.0


def _step(model: Architecture, settings: Training) -> float:
    """Temporary bytes of an optimizer step; PyTorch's fused AdamW works in place."""
    largest = max(model.embedding, model.hidden * model.intermediate)
    return _STEP * _WEIGHT * largest if optimizer_name(settings) == "adafactor" else 0.0


def _activations(model: Architecture, settings: Training, precision: Format, tokens: float) -> float:
    layer = 8 * model.hidden + 2 * (model.query + model.key) + 4 * model.intermediate
    return _kept(model, layer, settings, precision, tokens)


def _kept(model: Architecture, layer: float, settings: Training, precision: Format, tokens: float) -> float:
    """Bytes of the activations kept for the backward pass: `layer` numbers per token and layer."""
    width = 3 if precision == "bf16" else 4  # under autocast, norms and residuals stay in float32
    if settings.gradient_checkpointing:
        return tokens * width * (model.layers * model.hidden + layer)
    return tokens * width * model.layers * layer
