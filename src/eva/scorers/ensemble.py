"""An ensemble of classifiers: the mean of their log-probabilities.

Models that were trained differently err on different texts, so their mean errs less.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eva.scorers.cross_validation import Fitter
from eva.scorers.encoder_classifier import Classifier
from eva.scorers.encoding import Text
from eva.scorers.kept_parts import Kept
from eva.scorers.probe_fitter import Probe, ProbeFitter
from eva.scorers.sentence_fitter import SentenceClassifier
from eva.settings.scorer_section import Scorer

Probabilities = NDArray[np.float64]


@dataclass(frozen=True)
class Ensemble:
    """The member classifiers, and the weight of each in the mean (weights sum to 1)."""

    members: Sequence[Classifier | SentenceClassifier | Probe]
    shares: Sequence[float]

    def predict(self, texts: Sequence[Text]) -> Probabilities:
        """Class probabilities [texts, labels] in the order of `texts`."""
        return blend([member.predict(texts) for member in self.members], self.shares)


class EnsembleFitter:
    """Fits one member of the ensemble with each of `fitters`, which all hold the same rows."""

    def __init__(self, fitters: Sequence[Fitter], shares: Sequence[float]) -> None:
        self._fitters, self._shares = fitters, shares
        self.n_labels = fitters[0].n_labels

    @property
    def settings(self) -> Scorer:
        return self._fitters[0].settings

    def fit(self, labels: Sequence[int], indices: Sequence[int], title: str) -> Ensemble:
        """Fit every member on the rows `indices`; row i has label `labels[i]`."""
        return Ensemble([one.fit(labels, indices, title) for one in self._fitters], self._shares)

    def probabilities(self, ensemble: Ensemble, indices: Sequence[int]) -> Probabilities:
        """Class probabilities of the rows `indices`."""
        pairs = zip(self._fitters, ensemble.members, strict=True)
        return blend([fitter.probabilities(member, indices) for fitter, member in pairs], self._shares)


def with_probe(
    fitter: Fitter, probe_dir: Path, texts: Sequence[Text], kept: Kept | None = None
) -> EnsembleFitter:
    """A fitter of an ensemble: `fitter` and the linear probe from its settings, on the same rows' `texts`.

    `probe_dir` has the probe's model; at `probe_share` 0 it is not loaded and `fitter` is returned. Features
    computed before an interruption are taken from `kept`.
    """
    share = fitter.settings.probe_share
    if not share:
        return EnsembleFitter([fitter], [1.0])
    probe = ProbeFitter(probe_dir, texts, fitter.n_labels, fitter.settings, kept)
    return EnsembleFitter([fitter, probe], [1 - share, share])


def blend(probabilities: Sequence[Probabilities], shares: Sequence[float]) -> Probabilities:
    """The weighted geometric mean of several probabilities [texts, labels], normalised to sum 1 per row."""
    if len(probabilities) == 1:
        return probabilities[0]
    logs = [share * np.log(one) for one, share in zip(probabilities, shares, strict=True)]
    product = np.exp(np.sum(logs, axis=0))
    blended: Probabilities = product / product.sum(axis=1, keepdims=True)
    return blended
