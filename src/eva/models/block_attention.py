"""Exact attention in blocks of rows, for training on a CPU.

A block of queries is multiplied with the keys that any of them sees, and with no others: half of a causal
square, and of a dialogue tree each branch with its own prefix. Backwards the weights are computed again
from their logarithmic sums, as in FlashAttention (Dao et al. 2022), so no matrix of T x T is ever kept.
torch's own fused kernel does the same, but on a CPU it takes no advantage of a tree's mask, which hides
most of the square (docs/performance.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch

from eva.compat.transformers_hooks import attention_of, takes_attention, takes_sdpa
from eva.models.branching import supports_branches

NAME = "eva_blocks"  # of the attention function, as transformers knows it
_ROWS = 128  # queries of a block: large enough to multiply fast, small enough to leave out what is not seen


@dataclass(frozen=True)
class Block:
    """Queries `rows`, the places of the keys that they see, and what their scores get added [rows, keys]."""

    rows: slice
    keys: "slice | torch.Tensor"
    bias: torch.Tensor

    def of(self, states: torch.Tensor) -> torch.Tensor:
        """The keys or values [n, T, size] of this block."""
        if isinstance(self.keys, slice):
            return states[:, self.keys]
        return states.index_select(1, self.keys)

    def add_to(self, total: torch.Tensor, part: torch.Tensor) -> None:
        """Add what the block contributes to a gradient of keys or values."""
        if isinstance(self.keys, slice):
            total[:, self.keys] += part
        else:
            total.index_add_(1, self.keys, part)


def blocks_of(visible: torch.Tensor, share: int) -> list[Block]:
    """Blocks for `visible` (bool [T, T]: which column each row sees), for `share` query heads to a key's."""
    found = []
    for start in range(0, len(visible), _ROWS):
        rows = slice(start, min(start + _ROWS, len(visible)))
        columns = visible[rows].any(0).nonzero()[:, 0]
        seen = visible[rows][:, columns].repeat(share, 1)
        bias = torch.zeros(seen.shape, device=seen.device).masked_fill_(~seen, torch.finfo(torch.float32).min)
        first, last = int(columns[0]), int(columns[-1])
        whole = last - first + 1 == len(columns)
        found.append(Block(rows, slice(first, last + 1) if whole else columns, bias))
    return found


@lru_cache(maxsize=64)
def causal_blocks(length: int, share: int, device: torch.device) -> list[Block]:
    """Blocks of a sequence in which each token sees all before it."""
    return blocks_of(torch.ones(length, length, dtype=torch.bool, device=device).tril_(), share)


class _Attention(torch.autograd.Function):
    """Softmax attention of queries [n, share, T, size] over keys and values [n, T, size]."""

    @staticmethod
    def forward(
        ctx: Any, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, blocks: Sequence[Block], scale: float
    ) -> torch.Tensor:
        out = q.new_empty(*q.shape[:3], v.shape[-1])
        sums = q.new_empty(q.shape[:3], dtype=torch.float32)
        for block in blocks:
            scores = _scores(q, k, block, scale)
            most = scores.amax(-1, keepdim=True)
            weights = scores.sub_(most).exp_()
            total = weights.sum(-1, keepdim=True)
            out[:, :, block.rows] = _unfolded((weights.to(v.dtype) @ block.of(v)).div_(total), q)
            sums[:, :, block.rows] = _unfolded(total.log_().add_(most), q)[..., 0]
        ctx.save_for_backward(q, k, v, out, sums)
        ctx.blocks, ctx.scale = blocks, scale
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        (grad,) = gradients
        q, k, v, out, sums = ctx.saved_tensors
        grad_q, grad_k, grad_v = torch.empty_like(q), torch.zeros_like(k), torch.zeros_like(v)
        inner = (grad * out).float().sum(-1)
        for block in ctx.blocks:
            weights = _scores(q, k, block, ctx.scale).sub_(_folded(sums[..., None], block)).exp_()
            above, keys = _folded(grad, block), block.of(k)
            block.add_to(grad_v, weights.to(v.dtype).transpose(1, 2) @ above)
            change = (above @ block.of(v).transpose(1, 2)).float().sub_(_folded(inner[..., None], block))
            change = change.mul_(weights).to(q.dtype)
            grad_q[:, :, block.rows] = _unfolded(change @ keys, q)
            block.add_to(grad_k, change.transpose(1, 2) @ _folded(q, block))
        return grad_q.mul_(ctx.scale), grad_k.mul_(ctx.scale), grad_v, None, None


def _scores(q: torch.Tensor, k: torch.Tensor, block: Block, scale: float) -> torch.Tensor:
    """Scaled scores of a block in float32: [n, share x rows, keys]."""
    bias = block.bias.to(q.dtype)
    return torch.baddbmm(bias, _folded(q, block), block.of(k).transpose(1, 2), alpha=scale).float()


def _folded(states: torch.Tensor, block: Block) -> torch.Tensor:
    """Rows of a block, the query heads that share a key one after another: [n, share x rows, size]."""
    return states[:, :, block.rows].flatten(1, 2)


def _unfolded(part: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
    return part.view(part.shape[0], q.shape[1], -1, part.shape[2])


def _attend(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    visible: "Visible | None" = None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """The attention function of a layer, from [B, heads, T, size] to [B, T, heads, size]."""
    if key.shape[2] != query.shape[2]:
        raise ValueError(f"{NAME} reads whole sequences; with a cache, another attention is needed")
    heads, kinds = query.shape[1], key.shape[1]
    share, length = heads // kinds, query.shape[2]
    blocks = visible.blocks(share) if visible else causal_blocks(length, share, query.device)
    # Under autocast, positions are worked into queries and keys in float32.
    folded = query.to(value.dtype).reshape(-1, share, length, query.shape[3])
    keys, values = key.to(value.dtype).flatten(0, 1), value.flatten(0, 1)
    scale = query.shape[3] ** -0.5 if scaling is None else scaling
    out = _Attention.apply(folded, keys, values, blocks, scale)  # type: ignore[no-untyped-call]
    return out.view(query.shape[0], heads, length, -1).transpose(1, 2).contiguous(), None


class Visible:
    """What each token of one sequence sees, handed to a model as the keyword `visible`."""

    def __init__(self, seen: torch.Tensor) -> None:
        """From a bool [T, T]: which column each row sees."""
        self._seen = seen
        self._blocks: dict[int, list[Block]] = {}

    def blocks(self, share: int) -> list[Block]:
        """For `share` query heads to a key's; made once for all layers."""
        if share not in self._blocks:
            self._blocks[share] = blocks_of(self._seen, share)
        return self._blocks[share]


def use_blocks(model: Any) -> bool:
    """Let `model` attend in blocks if every layer is plain causal attention; whether it does now.

    Attention masks are not looked at: rows are padded on the right, if at all.
    """
    from transformers import AttentionInterface

    plain = supports_branches(model) and takes_attention(model) and takes_sdpa(model)
    if not plain or model.config.to_dict().get("attention_dropout"):
        return False
    AttentionInterface.register(NAME, _attend)
    model.set_attn_implementation(NAME)
    return True


def in_blocks(model: Any) -> bool:
    """Whether a model attends in blocks."""
    return attention_of(getattr(model, "module", model)) == NAME
