"""The key-value cache of a dialogue and of all responses that are decoded from it.

The model processes the newest tokens of all open responses as one sequence; only attention separates
them: each response attends to the turns before it and to its own tokens. Tokens to which no open response
attends are removed from the cache.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention

from eva.compat.transformers_hooks import attention_of

_NAME = "eva_trees"  # name of the attention function in transformers
_SPARE = 256  # extra positions allocated when the cache grows
_DEAD = 0.25  # unused positions are removed when they are more than this share


class TreeCache:
    """The cache of one trunk (the longest prompt of a dialogue) and of its branches (the responses).

    A branch attends to the first `lengths[branch]` tokens of the trunk. `order` is the index of the trunk.
    """

    def __init__(self, read: Any, lengths: Sequence[int], order: int) -> None:
        """Start with the `DynamicCache` of the trunk, `read`."""
        self.order = order
        self._keys = [layer.keys for layer in read.layers]
        self._values = [layer.values for layer in read.layers]
        self._size = int(self._keys[0].shape[2])
        device = self._keys[0].device
        until = torch.tensor(lengths, device=device)[:, None]
        self._visible = torch.arange(self._size, device=device)[None] < until  # (branch, position)
        self._alive = [True] * len(lengths)
        self._changed = False
        self._bias: torch.Tensor | None = None

    def end(self, branch: int) -> None:
        """Mark the branch as ended."""
        self._alive[branch], self._changed = False, True

    def begin(self, branches: Sequence[int]) -> None:
        """Add one position for each of the open `branches`, in this order."""
        device = self._visible.device
        self._drop_unseen()
        rows = torch.tensor(branches, device=device)
        own = torch.zeros(len(self._visible), len(branches), dtype=torch.bool, device=device)
        own[rows, torch.arange(len(branches), device=device)] = True
        self._visible = torch.cat([self._visible, own], dim=1)
        self._size += len(branches)
        if self._size > self._keys[0].shape[2]:
            self._keys, self._values = ([_longer(one, self._size) for one in part] for part in self._parts())
        seen = self._visible[rows]
        kinds = self._keys[0].dtype
        self._bias = torch.zeros(seen.shape, dtype=kinds, device=device).masked_fill(
            ~seen, torch.finfo(kinds).min
        )

    def attend(
        self, layer: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scaling: float | None
    ) -> torch.Tensor:
        """Store keys and values of one token per branch, and compute attention.

        `query` and the result are (1, heads, branches, head size).
        """
        rows, kinds = key.shape[2], key.shape[1]
        new = slice(self._size - rows, self._size)
        self._keys[layer][:, :, new] = key
        self._values[layer][:, :, new] = value
        # Heads with shared keys (grouped-query attention) become extra rows, so that keys are not copied.
        share = query.shape[1] // kinds
        packed = query.reshape(1, kinds, share * rows, query.shape[3])
        bias = self._bias.repeat(share, 1) if self._bias is not None and share > 1 else self._bias
        found = scaled_dot_product_attention(
            packed,
            self._keys[layer][:, :, : self._size],
            self._values[layer][:, :, : self._size],
            attn_mask=bias,
            scale=scaling,
        )
        return found.reshape(1, query.shape[1], rows, -1)

    def _parts(self) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        return self._keys, self._values

    def _drop_unseen(self) -> None:
        """Remove the tokens of ended responses, and turns to which only they attended."""
        if not self._changed:
            return
        self._changed = False
        seen = self._visible[torch.tensor(self._alive, device=self._visible.device)].any(dim=0)
        if int(seen.sum()) > (1 - _DEAD) * self._size:
            return
        kept = seen.nonzero().squeeze(1)
        self._keys, self._values = ([one.index_select(2, kept) for one in part] for part in self._parts())
        self._visible, self._size = self._visible[:, kept], len(kept)


def _longer(cached: torch.Tensor, size: int) -> torch.Tensor:
    """The cache, enlarged to `size` positions and some spare ones."""
    room = cached.new_empty(*cached.shape[:2], size + _SPARE - cached.shape[2], cached.shape[3])
    return torch.cat([cached, room], dim=2)


@contextmanager
def tree_attention(model: Any) -> Iterator[None]:
    """A context in which the model accepts `trees`: pairs of a cache and the slice of its input tokens.

    Without `trees` the model uses ordinary causal attention.
    """
    from transformers import AttentionInterface

    AttentionInterface.register(_NAME, _attend)
    before = attention_of(model)
    model.set_attn_implementation(_NAME)
    try:
        yield
    finally:
        model.set_attn_implementation(before)


def _attend(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    trees: Sequence[tuple[TreeCache, slice]] | None = None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """The attention function of a layer, with the signature that transformers needs."""
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    if trees is None:
        read: tuple[torch.Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, **options
        )
        return read
    found = [
        tree.attend(module.layer_idx, query[:, :, own], key[:, :, own], value[:, :, own], scaling)
        for tree, own in trees
    ]
    return torch.cat(found, dim=2).transpose(1, 2).contiguous(), None
