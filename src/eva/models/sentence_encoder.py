"""Texts as vectors, by an encoder as it comes: the mean of its last layer's token states."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eva.models.positions import usable_positions

_LONGEST = 256  # tokens; of longer texts the beginning is read
_BATCH = 64


class SentenceEncoder:
    """An encoder in memory, on the GPU if there is one."""

    def __init__(self, folder: Path) -> None:
        """Load the encoder in `folder`."""
        import torch
        from transformers import AutoModel, AutoTokenizer

        from eva.devices import best_device

        self._tokenizer = AutoTokenizer.from_pretrained(folder)
        model = AutoModel.from_pretrained(folder, use_safetensors=True, dtype=torch.float32)
        self._model = model.to(best_device()).eval()
        self._longest = min(_LONGEST, usable_positions(folder) or _LONGEST)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One vector of length 1 for each text, [texts, hidden], in order; their products are cosines.

        Equal texts are read once.
        """
        distinct = sorted(set(texts), key=len)
        vectors: dict[str, NDArray[np.float32]] = {}
        for start in range(0, len(distinct), _BATCH):
            part = distinct[start : start + _BATCH]
            vectors |= zip(part, self._read(part), strict=True)
        return np.stack([vectors[text] for text in texts])

    def _read(self, texts: list[str]) -> NDArray[np.float32]:
        import torch

        longest = self._longest
        read = self._tokenizer(
            texts, truncation=True, max_length=longest, padding=True, return_tensors="pt"
        ).to(self._model.device)
        with torch.inference_mode():
            states = self._model(**read).last_hidden_state
        mask = read["attention_mask"].unsqueeze(-1)
        mean = torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=-1)
        found: NDArray[np.float32] = mean.cpu().numpy()
        return found


def embed(folder: Path, texts: Sequence[str]) -> NDArray[np.float32]:
    """The vectors of `texts` by the encoder in `folder`, see `SentenceEncoder.embed`."""
    return SentenceEncoder(folder).embed(texts)
