"""Fitting linear probes; the model embeds every row once, for all folds."""

import copy
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from eva.devices import autocast, best_device, decide, seeded
from eva.models.loading import load_tokenizer
from eva.scorers.encoder_classifier import Classifier
from eva.scorers.encoding import Encoded, Text, by_length, collate, encode
from eva.scorers.kept_parts import Kept
from eva.scorers.linear_probe import from_encoder
from eva.scorers.progress import Progress
from eva.scorers.regression import class_weights, fit_layer
from eva.settings.scorer_section import Scorer

log = logging.getLogger(__name__)

_BATCH = 64
_PENALTY = 1000.0  # L2 on standardised features (see regression); chosen by cross-validation on ESConv


@dataclass(frozen=True)
class Probe(Classifier):
    """A probe in memory. It reads the response alone, even where the other member reads a context."""

    def predict(self, texts: Sequence[Text]) -> NDArray[np.float64]:
        """Class probabilities [texts, labels] in the order of `texts`."""
        return super().predict(_responses(texts))


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
        self.compute = decide(settings.precision, "scorer precision")
        self._tokenizer = load_tokenizer(encoder_dir)
        with seeded(settings.seed):
            probe = from_encoder(encoder_dir, n_labels, self.compute.dtype)
        self._probe = probe.to(best_device()).eval()
        rows = encode(self._tokenizer, _responses(texts), settings.max_length)
        self._features = (kept or Kept()).part("probe", lambda: {"features": self._read(rows)})["features"]

    def fit(self, labels: Sequence[int], indices: Sequence[int], title: str) -> Probe:
        """Fit on the rows `indices`; row i has label `labels[i]`. `title` names the fit in the log."""
        # The layer is this fit's own, the model below is shared.
        probe = copy.deepcopy(self._probe, {id(self._probe.encoder): self._probe.encoder})
        target = torch.tensor([labels[i] for i in indices])
        weights = class_weights(target, self.n_labels, self.settings.balance)
        fit_layer(probe.classifier, self._features[list(indices)], target, weights, _PENALTY)
        log.info("%s: probe fitted on %d rows", title, len(target))
        return Probe(probe, self._tokenizer, self.settings.max_length, self.compute)

    def probabilities(self, classifier: Probe, indices: Sequence[int]) -> NDArray[np.float64]:
        """Class probabilities of the rows `indices`."""
        with torch.inference_mode():
            logits = classifier.model.classifier(self._features[list(indices)].to(classifier.model.device))
        found: NDArray[np.float64] = logits.double().softmax(-1).cpu().numpy()
        return found

    def _read(self, rows: Sequence[Encoded]) -> torch.Tensor:
        features = torch.zeros(len(rows), self._probe.classifier.in_features)
        progress, done = Progress("probe reads", len(rows)), 0
        for batch in by_length(rows, _BATCH):
            inputs = collate([rows[i] for i in batch], self._tokenizer, self._probe.device)
            with torch.no_grad(), autocast(self.compute):
                features[batch] = self._probe.embed(**inputs).float().cpu()
            done += len(batch)
            progress.log(done, "short texts first")
        return features


def _responses(texts: Sequence[Text]) -> list[str]:
    return [text if isinstance(text, str) else text[1] for text in texts]
