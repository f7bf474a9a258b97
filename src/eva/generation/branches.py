"""Decoding many responses over one shared prefix.

The prompts of a dialogue's supporter turns are prefixes of one another. So the conversation is
read once, into one key-value cache, and every response grows as a branch from its own place: each
step runs the newest token of all open branches as one sequence, under a mask that shows each
branch its own prefix and its own tokens. Nothing of the cache is copied per response.
"""

from collections.abc import Sequence
from typing import Any

import torch

from eva.generation.sampling import Decoding, Sampler, Written, grow


def decode_branches(
    model: Any,
    trunk: list[int],
    lengths: Sequence[int],
    seeds: Sequence[int],
    decoding: Decoding,
    batch_size: int,
) -> list[Written]:
    """One response after each of the prompts `trunk[:length]`; at most `batch_size` grow at once."""
    from transformers import DynamicCache

    cache = DynamicCache()
    read = model(
        input_ids=torch.tensor([trunk], device=model.device),
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=torch.tensor(lengths, device=model.device) - 1,
    )
    written: list[Written] = []
    for start in range(0, len(lengths), batch_size):
        part = slice(start, start + batch_size)
        tree = _Tree(model, cache, len(trunk), lengths[part])
        sampler = Sampler(decoding, [trunk[:length] for length in lengths[part]], seeds[part])
        written += grow(read.logits[0, part], sampler, decoding, tree.step)
        cache.crop(len(trunk) - cache.get_seq_length())
    return written


class _Tree:
    """The state of the branches that grow together; `_visible` is (branch, cached position)."""

    def __init__(self, model: Any, cache: Any, trunk: int, lengths: Sequence[int]) -> None:
        self._model = model
        self._cache = cache
        self._next = torch.tensor(lengths, device=model.device)
        self._visible = torch.arange(trunk, device=model.device)[None] < self._next[:, None]

    def step(self, rows: list[int], tokens: list[int]) -> torch.Tensor:
        """Append `tokens` to the branches `rows`; returns their logits (rows, vocabulary)."""
        device = self._model.device
        index = torch.tensor(rows, device=device)
        own = torch.zeros(len(self._next), len(rows), dtype=torch.bool, device=device)
        own[index, torch.arange(len(rows), device=device)] = True
        self._visible = torch.cat([self._visible, own], dim=1)
        result = self._model(
            input_ids=torch.tensor([tokens], device=device),
            position_ids=self._next[index][None],
            attention_mask=self._mask(index),
            past_key_values=self._cache,
            use_cache=True,
        )
        self._next[index] += 1
        logits: torch.Tensor = result.logits[0]
        return logits

    def _mask(self, index: torch.Tensor) -> torch.Tensor:
        """Additive attention mask (1, 1, branches, cached positions)."""
        dtype = self._model.dtype
        mask = torch.zeros(self._visible[index].shape, dtype=dtype, device=index.device)
        return mask.masked_fill(~self._visible[index], torch.finfo(dtype).min)[None, None]
