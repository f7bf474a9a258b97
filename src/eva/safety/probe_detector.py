"""A trained detector: logistic regression on the embeddings of an encoder that is not fine-tuned."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from eva.artifacts import digest_path
from eva.errors import InputError
from eva.models.sentence_encoder import SentenceEncoder
from eva.safety.detector import Finding
from eva.stored_tensors import stored

if TYPE_CHECKING:
    import torch

FILE = "probe.safetensors"


class ProbeDetector:
    """Flags a message, or two consecutive ones as one, whose score reaches the threshold."""

    name = "probe"

    def __init__(self, encoder: SentenceEncoder, weights: "dict[str, torch.Tensor]") -> None:
        self._encoder = encoder
        self._weight, self._bias = weights["weight"].numpy(), float(weights["bias"])
        self.threshold = float(weights["threshold"])

    @classmethod
    def load(cls, folder: Path, encoder: Path) -> Self:
        """The probe in `folder`, for the encoder folder that it was fitted on.

        Raises:
            InputError: there is no probe, it is damaged, or it was fitted on another encoder.
        """
        again = "run `dvc repro crisis_detector`"
        if not (folder / FILE).is_file():
            raise InputError(f"{folder / FILE}: there is no trained detector; {again}, or use `rules`")
        weights = stored(folder / FILE, digest_path(encoder))
        if weights is None:
            raise InputError(f"{folder / FILE}: it is damaged, or was fitted on another encoder; {again}")
        return cls(SentenceEncoder(encoder), weights)

    def find(self, said: Sequence[str]) -> Finding | None:
        return self.find_each([said])[0]

    def find_each(self, conversations: Sequence[Sequence[str]]) -> list[Finding | None]:
        texts = [texts_of(said) for said in conversations]
        flat = [text for own in texts for text in own]
        flags = iter(self.scores(flat) >= self.threshold)
        return [_finding(any([next(flags) for _ in own])) for own in texts]

    def scores(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Log-odds that a model must not reply to each text."""
        if not texts:
            return np.zeros(0)
        found: NDArray[np.float64] = self._encoder.embed(texts).astype(np.float64) @ self._weight + self._bias
        return found


def texts_of(said: Sequence[str]) -> list[str]:
    """What is scored of a conversation: each message, and each two consecutive ones joined."""
    return [*said, *(" ".join(pair) for pair in pairwise(said))]


def _finding(flagged: bool) -> Finding | None:
    return Finding("danger", "probe") if flagged else None
