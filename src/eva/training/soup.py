"""One classifier from those of a cross-validation: the mean of their weights.

They start from the same weights and see mostly the same rows, so the mean of their weights lies in the
same basin and does about what the mean of their predictions would (model soups: Wortsman et al. 2022,
arXiv:2203.05482). It costs nothing, whereas one more training on all rows costs more than any fold.
"""

import copy
from dataclasses import replace

import torch

from eva.training.classifier import Classifier


class Soup:
    """A running mean of classifiers that one `Fitter` trained."""

    def __init__(self) -> None:
        self._mean: Classifier | None = None
        self._n = 0

    def add(self, classifier: Classifier) -> None:
        """Take one more classifier into the mean."""
        self._n += 1
        if self._mean is None:
            self._mean = replace(classifier, model=copy.deepcopy(classifier.model))
            return
        with torch.no_grad():
            weights = zip(self._mean.model.parameters(), classifier.model.parameters(), strict=True)
            for mean, weight in weights:
                mean.lerp_(weight, 1 / self._n)

    def classifier(self) -> Classifier:
        """The mean of what was added."""
        if self._mean is None:
            raise ValueError("nothing was added")
        return self._mean
