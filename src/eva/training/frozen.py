"""Training an encoder's upper layers only, over states of the lower ones computed once.

Every model that one cross-validation trains starts from the same encoder, so what its frozen lower
layers make of a row never changes. Computing it once leaves each epoch the cost of the upper
layers, and nothing to back-propagate below them.
"""

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from eva.errors import InputError
from eva.models.response_classifier import ResponseClassifier, layer_stack
from eva.training.encoding import Encoded, collate

_BATCH = 64


class _Given(torch.nn.Module):
    """Stands for the embeddings of an encoder that is given hidden states."""

    def forward(self, *_: Any, inputs_embeds: torch.Tensor, **__: Any) -> torch.Tensor:
        return inputs_embeds


def above(model: ResponseClassifier, frozen: int) -> ResponseClassifier:
    """The part of `model` above its first `frozen` layers: the same weights, reading `inputs_embeds`."""
    if not frozen:
        return model
    path, stack = layer_stack(model.encoder)
    upper = _replaced(model, f"encoder.{path}", stack[frozen:])
    fed: ResponseClassifier = _replaced(upper, "encoder.embeddings", _Given())
    return fed


def with_states(
    model: ResponseClassifier, rows: Sequence[Encoded], tokenizer: Any, frozen: int
) -> list[Encoded]:
    """`rows` with what enters layer `frozen` (from 0), in half precision to fit in memory."""
    _, stack = layer_stack(model.encoder)
    if frozen >= len(stack):
        raise InputError(
            f"the encoder has {len(stack)} layers and `frozen` is {frozen}: nothing is left to train; "
            f"freeze at most {len(stack) - 1}"
        )
    seen: list[torch.Tensor] = []
    hook = stack[frozen].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    states: dict[int, torch.Tensor] = {}
    order = sorted(range(len(rows)), key=lambda i: len(rows[i].input_ids))
    model.eval()
    for start in range(0, len(order), _BATCH):
        batch = order[start : start + _BATCH]
        with torch.inference_mode():
            model.pool(**collate([rows[i] for i in batch], tokenizer, model.device))
        half = seen.pop().to(torch.float16).cpu()
        states |= {i: half[place, : len(rows[i].input_ids)].clone() for place, i in enumerate(batch)}
    hook.remove()
    return [replace(row, states=states[i]) for i, row in enumerate(rows)]


def _replaced(module: Any, path: str, new: torch.nn.Module) -> Any:
    """`module` with `new` at `path`; every other part is shared with the original."""
    twin = copy.copy(module)
    twin._modules = dict(module._modules)
    head, _, rest = path.partition(".")
    twin._modules[head] = _replaced(twin._modules[head], rest, new) if rest else new
    return twin
