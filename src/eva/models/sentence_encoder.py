"""Texts as vectors, by an encoder as it comes: the mean of its last layer's token states."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eva.models.positions import usable_positions

_LONGEST = 256  # tokens; of longer texts the beginning is read
_BATCH = 64


def embed(folder: Path, texts: Sequence[str]) -> NDArray[np.float32]:
    """One vector of length 1 for each text, [texts, hidden], in order; their products are cosines.

    `folder` has the encoder; equal texts are read once.
    """
    import torch
    from transformers import AutoModel, AutoTokenizer

    from eva.devices import best_device

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder, use_safetensors=True, dtype=torch.float32)
    model = model.to(best_device()).eval()
    longest = min(_LONGEST, usable_positions(folder) or _LONGEST)
    distinct = sorted(set(texts), key=len)
    vectors: dict[str, NDArray[np.float32]] = {}
    for start in range(0, len(distinct), _BATCH):
        part = distinct[start : start + _BATCH]
        read = tokenizer(part, truncation=True, max_length=longest, padding=True, return_tensors="pt")
        with torch.inference_mode():
            states = model(**read.to(model.device)).last_hidden_state
        mask = read["attention_mask"].unsqueeze(-1)
        mean = torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=-1)
        vectors |= zip(part, mean.cpu().numpy(), strict=True)
    return np.stack([vectors[text] for text in texts])
