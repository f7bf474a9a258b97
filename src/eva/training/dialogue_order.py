"""The order of preference pairs: dialogue by dialogue, so that the pairs of a batch share histories."""

import random
from collections.abc import Callable, Iterator, Sequence

from torch.utils.data import Sampler


class DialogueOrder(Sampler[int]):
    """Row numbers of one epoch: dialogues in random order, the pairs of each dialogue consecutive.

    The order depends only on seed and epoch, so a training resumed within an epoch continues it.
    """

    def __init__(self, dialogues: Sequence[str], seed: int, epoch: Callable[[], int]) -> None:
        """Store the dialogue id of each row, and a function that returns the current epoch."""
        self._rows: dict[str, list[int]] = {}
        for row, dialogue in enumerate(dialogues):
            self._rows.setdefault(dialogue, []).append(row)
        self._n, self._seed, self._epoch = len(dialogues), seed, epoch

    def __len__(self) -> int:
        return self._n

    def __iter__(self) -> Iterator[int]:
        return iter(self.of_epoch(self._epoch()))

    def of_epoch(self, epoch: int) -> list[int]:
        """Row numbers of that epoch, from 0."""
        order = sorted(self._rows)
        generator = random.Random(f"{self._seed}:{epoch}")  # noqa: S311 - must repeat, no secret
        generator.shuffle(order)
        return [row for dialogue in order for row in self._rows[dialogue]]
