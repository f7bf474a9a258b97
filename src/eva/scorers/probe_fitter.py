"""Fitting linear probes; the model embeds every row once, for all folds."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from eva.devices import decide, seeded
from eva.models.loading import load_tokenizer
from eva.scorers.encoding import Encoded, Text, encode
from eva.scorers.kept_parts import Kept
from eva.scorers.linear_probe import empty_layer, from_encoder
from eva.scorers.reading import Reading
from eva.scorers.regression import class_weights, fit_layer
from eva.settings.scorer_section import Scorer

log = logging.getLogger(__name__)

_PENALTY = 1000.0  # L2 on standardised features (see regression); chosen by cross-validation on ESConv


@dataclass(frozen=True)
class Probe:
    """A linear layer on embeddings of the response alone, without the context."""

    reading: Reading
    layer: torch.nn.Linear
    tokenizer: Any
    max_length: int

    def predict(self, texts: Sequence[Text]) -> NDArray[np.float64]:
        """Class probabilities [texts, labels] in the order of `texts`."""
        if not texts:
            return np.zeros((0, self.layer.out_features))
        return self.judge(self.reading.of(encode(self.tokenizer, _responses(texts), self.max_length)))

    def judge(self, read: torch.Tensor) -> NDArray[np.float64]:
        """Class probabilities [texts, labels] of embeddings [texts, features]."""
        with torch.inference_mode():
            found: NDArray[np.float64] = self.layer(read).double().softmax(-1).numpy()
        return found


class ProbeFitter:
    """Fits probes on subsets of the same rows, all on one pretrained model."""

    def __init__(
        self,
        encoder_dir: Path,
        texts: Sequence[Text],
        n_labels: int,
        settings: Scorer,
        kept: Kept | None = None,
    ) -> None:
        """Load the model and embed all rows, unless `kept` has them from before an interruption."""
        self.settings, self.n_labels = settings, n_labels
        compute = decide(settings.precision, "scorer precision")
        self._tokenizer = load_tokenizer(encoder_dir)
        with seeded(settings.seed):
            model = from_encoder(encoder_dir, n_labels, compute.dtype)
        self._reading = Reading(model, self._tokenizer, compute)
        rows = encode(self._tokenizer, _responses(texts), settings.max_length)
        self._features = (kept or Kept()).part("probe", lambda: {"features": self._read(rows)})["features"]

    def fit(self, labels: Sequence[int], indices: Sequence[int], title: str) -> Probe:
        """Fit on the rows `indices`; row i has label `labels[i]`. `title` names the fit in the log."""
        layer = empty_layer(self._features.shape[1], self.n_labels)
        target = torch.tensor([labels[i] for i in indices])
        weights = class_weights(target, self.n_labels, self.settings.balance)
        fit_layer(layer, self._features[list(indices)], target, weights, _PENALTY)
        log.info("%s: probe fitted on %d rows", title, len(target))
        return Probe(self._reading, layer, self._tokenizer, self.settings.max_length)

    def probabilities(self, classifier: Probe, indices: Sequence[int]) -> NDArray[np.float64]:
        """Class probabilities of the rows `indices`."""
        return classifier.judge(self._features[list(indices)])

    def _read(self, rows: Sequence[Encoded]) -> torch.Tensor:
        return self._reading.of(rows, "probe reads")


def _responses(texts: Sequence[Text]) -> list[str]:
    return [text if isinstance(text, str) else text[1] for text in texts]
