"""Choice of the attention kernel for a training."""

import logging
from importlib.util import find_spec
from typing import Any

from eva.compat.transformers_hooks import takes_sdpa
from eva.devices import best_device
from eva.settings.training_section import AttentionName

log = logging.getLogger(__name__)


def set_attention(model: Any, wanted: AttentionName) -> None:
    """Set the attention kernel of `model` according to the settings.

    `auto` is torch's fused one (`sdpa`), or transformers' choice for a model whose attention is more than a
    softmax of scores.
    """
    if wanted != "auto":
        model.set_attn_implementation(wanted)
    elif takes_sdpa(model):
        model.set_attn_implementation("sdpa")


def attention_problems(wanted: AttentionName, trees: bool) -> list[str]:
    """Reasons why a kernel cannot be used here; `trees`: for dialogue trees, which need their own mask."""
    if wanted != "flash_attention_2":
        return []
    if trees:
        return ["attention: flash_attention_2 does not support the masks of trees; set `attention: auto`"]
    if find_spec("flash_attn") is None or best_device().type != "cuda":
        return ["attention: flash_attention_2 needs a GPU and the package flash-attn; set `attention: auto`"]
    return []
