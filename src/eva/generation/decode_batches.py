"""Decoding of prompts that share no prefix, in left-padded batches of similar length."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from eva.generation.sampling import Decoding, Stream, Written, pick


def decode_batches(
    model: Any,
    prompts: Sequence[list[int]],
    seeds: Sequence[int],
    decoding: Decoding,
    batch_size: int,
) -> Iterator[tuple[int, Written]]:
    """Pairs of prompt index and response, batch by batch, the shortest prompts first."""
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    for start in range(0, len(order), batch_size):
        part = order[start : start + batch_size]
        streams = [Stream(prompts[i], seeds[i]) for i in part]
        batch = _Batch(model, [prompts[i] for i in part])
        yield from zip(part, _grow(batch, streams, decoding), strict=True)


def _grow(batch: "_Batch", streams: Sequence[Stream], decoding: Decoding) -> list[Written]:
    """Decode a batch until each response has ended or has the largest number of tokens."""
    written = [Written() for _ in streams]
    rows, logits = list(range(len(streams))), batch.first
    while rows:
        picked = pick([streams[row] for row in rows], logits, decoding)
        rows = [r for r, token in zip(rows, picked, strict=True) if not written[r].add(token, decoding)]
        if rows:
            logits = batch.step(rows, [written[row].ids[-1] for row in rows])
    return written


class _Batch:
    """The state of one batch; rows that have ended are removed from the key-value cache."""

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
        """The logits at the last position; positions do not count padding."""
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
