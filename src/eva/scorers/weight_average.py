"""One ensemble from those of a cross-validation: the mean of their weights, member by member.

All start from the same weights and are trained on mostly the same rows. The mean of their weights then
predicts about what the mean of their predictions would (model soups: Wortsman et al. 2022,
arXiv:2203.05482). It needs no further training on all rows.
"""

import copy
from dataclasses import replace

import torch

from eva.scorers.ensemble import Ensemble


class Soup:
    """A running mean of ensembles that one `EnsembleFitter` trained."""

    def __init__(self) -> None:
        self._mean: Ensemble | None = None
        self._n = 0

    def add(self, ensemble: Ensemble) -> None:
        """Include one more ensemble in the mean."""
        self._n += 1
        if self._mean is None:
            members = [replace(one, model=copy.deepcopy(one.model)) for one in ensemble.members]
            self._mean = replace(ensemble, members=members)
            return
        for mean, one in zip(self._mean.members, ensemble.members, strict=True):
            self._average(mean.model, one.model)

    def ensemble(self) -> Ensemble:
        """The mean of what was added."""
        if self._mean is None:
            raise ValueError("no ensemble was added")
        return self._mean

    def _average(self, mean: torch.nn.Module, one: torch.nn.Module) -> None:
        """Move the weights of `mean` so that all ensembles added so far count the same."""
        with torch.no_grad():
            for old, new in zip(mean.parameters(), one.parameters(), strict=True):
                old.lerp_(new, 1 / self._n)
