"""Attention in blocks equals torch's, forwards and backwards."""

from typing import Any

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from eva.models import block_attention
from eva.models.block_attention import Visible, in_blocks, use_blocks


def _states(length: int) -> list[torch.Tensor]:
    """Queries of 6 heads, keys and values of 2, for two sequences."""
    generator = torch.Generator().manual_seed(length)
    shapes = [(2, 6, length, 16), (2, 2, length, 16), (2, 2, length, 16)]
    return [torch.randn(shape, generator=generator, requires_grad=True) for shape in shapes]


def _random_tree(length: int) -> torch.Tensor:
    """Rows that see themselves and some of what is before them, in pieces."""
    generator = torch.Generator().manual_seed(7)
    pieces = torch.rand(length // 10 + 1, length // 10 + 1, generator=generator) < 0.5
    seen = pieces.repeat_interleave(10, 0).repeat_interleave(10, 1)[:length, :length]
    return (seen | torch.eye(length, dtype=torch.bool)).tril()


@pytest.mark.parametrize("length", [1, 128, 300])
@pytest.mark.parametrize("tree", [False, True])
def test_values_and_gradients_equal_torchs(length: int, tree: bool) -> None:
    visible = _random_tree(length) if tree else torch.ones(length, length, dtype=torch.bool).tril()
    results = []
    for ours in (False, True):
        q, k, v = _states(length)
        if ours:
            out = block_attention._attend(None, q, k, v, None, visible=Visible(visible) if tree else None)[0]
        else:
            out = scaled_dot_product_attention(q, k, v, attn_mask=visible, enable_gqa=True).transpose(1, 2)
        (out * torch.arange(out.numel()).view(out.shape).sin()).sum().backward()
        results.append([out, q.grad, k.grad, v.grad])
    for found, wanted in zip(results[1], results[0], strict=True):
        assert found.shape == wanted.shape
        assert float((found - wanted).detach().norm()) < 1e-5 * float(wanted.detach().norm()) + 1e-5


def _model(name: str, **change: Any) -> Any:
    import transformers

    config = getattr(transformers, f"{name}Config")(
        vocab_size=99, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, **change,
    )  # fmt: skip
    return transformers.AutoModelForCausalLM.from_config(config)


def test_only_plain_attention_is_replaced() -> None:
    assert use_blocks(_model("Llama"))
    for model in (
        _model("Mistral", sliding_window=8),
        _model("Llama", attention_dropout=0.1),
        _model("Gemma2", head_dim=8),
    ):
        assert not use_blocks(model) and not in_blocks(model)


def test_a_cache_is_refused() -> None:
    model = _model("Llama").eval()
    use_blocks(model)
    ids = torch.arange(1, 6)[None]
    with torch.no_grad(), pytest.raises(ValueError, match="reads whole sequences"):
        model.generate(ids, max_new_tokens=3, do_sample=False, pad_token_id=0, eos_token_id=None)
