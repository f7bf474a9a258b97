"""Decoding prompts that share nothing: left-padded batches of similar length."""

from collections.abc import Sequence
from typing import Any

import torch

from eva.generation.sampling import Decoding, Sampler, Written, grow


def decode_batches(
    model: Any,
    prompts: Sequence[list[int]],
    seeds: Sequence[int],
    decoding: Decoding,
    batch_size: int,
) -> list[Written]:
    """One response after each prompt, in the order given."""
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    written: dict[int, Written] = {}
    for start in range(0, len(order), batch_size):
        part = order[start : start + batch_size]
        sampler = Sampler(decoding, [prompts[i] for i in part], [seeds[i] for i in part])
        batch = _Batch(model, [prompts[i] for i in part])
        written.update(zip(part, grow(batch.first, sampler, decoding, batch.step), strict=True))
    return [written[i] for i in range(len(prompts))]


class _Batch:
    """The state of one batch; rows that have stopped leave the cache."""

    def __init__(self, model: Any, prompts: Sequence[list[int]]) -> None:
        from transformers import DynamicCache

        self._model = model
        self._cache = DynamicCache(config=model.config)
        self._rows = list(range(len(prompts)))
        width = max(len(prompt) for prompt in prompts)
        padded = [[0] * (width - len(prompt)) + prompt for prompt in prompts]
        real = [[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts]
        self._mask = torch.tensor(real, device=model.device)
        self.first = self._forward(torch.tensor(padded, device=model.device))

    def step(self, rows: list[int], tokens: list[int]) -> torch.Tensor:
        """Append `tokens` to `rows`; returns their logits (rows, vocabulary)."""
        device = self._model.device
        if rows != self._rows:
            kept = torch.tensor([self._rows.index(row) for row in rows], device=device)
            self._cache.batch_select_indices(kept)
            self._mask, self._rows = self._mask[kept], rows
        self._mask = torch.cat([self._mask, self._mask.new_ones(len(rows), 1)], dim=1)
        return self._forward(torch.tensor(tokens, device=device)[:, None])

    def _forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Logits of the last position; positions count real tokens only."""
        positions = (self._mask.cumsum(dim=1) - 1).clamp(min=0)[:, -ids.shape[1] :]
        result = self._model(
            input_ids=ids,
            position_ids=positions,
            attention_mask=self._mask,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )
        logits: torch.Tensor = result.logits[:, -1]
        return logits
