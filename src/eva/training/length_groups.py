"""Batches of rows of similar length, in an order that depends only on seed and epoch."""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch.utils.data import Sampler
from transformers.trainer_pt_utils import get_length_grouped_indices


class LengthGroups(Sampler[int]):
    """Row numbers of one epoch; consecutive rows have similar lengths.

    The sampler of transformers takes its order from the global random state. A training that is resumed
    within an epoch then has another order, repeats some rows and skips others.
    """

    def __init__(self, lengths: Sequence[int], batch: int, seed: int, epoch: Callable[[], int]) -> None:
        """Store the rows' lengths, the rows per optimizer step, and a function that returns the epoch."""
        self._lengths = list(lengths)
        self._batch = batch
        self._seed = seed
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        return iter(self.of_epoch(self._epoch()))

    def of_epoch(self, epoch: int) -> list[int]:
        """Row numbers of that epoch, from 0."""
        generator = torch.Generator().manual_seed((self._seed << 20) + epoch)
        rows: list[int] = get_length_grouped_indices(self._lengths, self._batch, generator=generator)
        return rows
