"""Embeddings of texts by pretrained models, computed once per text and shared by the scorers.

The level classifier's probe and EPITOME's scorers use models without fine-tuning. Scorers on the same model
share its weights in memory and its embeddings.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from eva.devices import Decision, autocast, best_device
from eva.scorers.encoding import Encoded, by_length, collate
from eva.scorers.linear_probe import LinearProbe
from eva.scorers.progress import Progress
from eva.scorers.sentence_scorer import SentenceScorer

_BATCH = 64

Reader = LinearProbe | SentenceScorer
_Key = tuple[tuple[int, ...], tuple[int, ...]]


class Reading:
    """A model that embeds texts, with a cache of the embeddings.

    The key of the cache is the text's tokens after truncation, so that scorers with different `max_length`
    share all texts that are shorter than both limits.
    """

    def __init__(self, model: Reader, tokenizer: Any, compute: Decision) -> None:
        self.model, self.compute = model.eval(), compute
        model.encoder.to(best_device())  # the layers above it are small and stay where they are
        self._tokenizer = tokenizer
        self._known: dict[_Key, torch.Tensor] = {}

    def of(self, rows: Sequence[Encoded], title: str = "reading") -> torch.Tensor:
        """The embedding of each row by `model.embed`, float32 on the CPU: [rows, features]."""
        keys = [_key(row) for row in rows]
        new = {key: row for key, row in zip(keys, rows, strict=True) if key not in self._known}
        self._read(list(new), list(new.values()), title)
        return torch.stack([self._known[key] for key in keys])

    def reads_like(self, other: "Reading") -> bool:
        """Whether both would give the same embeddings: same kind, settings and encoder weights."""
        ours, theirs = self.model, other.model
        return (
            type(ours) is type(theirs)
            and self.compute == other.compute
            and _what_is_read(ours) == _what_is_read(theirs)
            and _same_weights(ours.encoder, theirs.encoder)
        )

    def _read(self, keys: Sequence[_Key], rows: Sequence[Encoded], title: str) -> None:
        progress, done = Progress(title, len(rows)), 0
        for batch in by_length(rows, _BATCH):
            inputs = collate([rows[i] for i in batch], self._tokenizer, self.model.encoder.device)
            with torch.no_grad(), autocast(self.compute):
                found = self.model.embed(**inputs).float().cpu()
            self._known |= {keys[i]: one.clone() for i, one in zip(batch, found, strict=True)}
            done += len(batch)
            progress.log(done, "short texts first")


class Readings:
    """The `Reading` objects of several scorers; equal ones are replaced by the first."""

    def __init__(self) -> None:
        self._held: list[Reading] = []

    def adopt(self, reading: Reading) -> Reading:
        """A stored reading that is equal (see `reads_like`); without one, `reading`, which is then stored."""
        for held in self._held:
            if held.reads_like(reading):
                return held
        self._held.append(reading)
        return reading


def _key(row: Encoded) -> _Key:
    return tuple(row.input_ids), tuple(row.response)


def _what_is_read(model: Reader) -> tuple[Any, ...]:
    config = model.config.to_dict()
    return config["encoder"], config.get("depths")


def _same_weights(ours: torch.nn.Module, theirs: torch.nn.Module) -> bool:
    def named(model: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
        yield from model.state_dict().items()

    pairs = zip(named(ours), named(theirs), strict=True)
    return all(one == other and torch.equal(left, right) for (one, left), (other, right) in pairs)
