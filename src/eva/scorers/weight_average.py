"""One ensemble from those of a cross-validation: the mean of their weights, member by member.

They start from the same weights and see mostly the same rows, so the mean of their weights lies in the
same basin and does about what the mean of their predictions would (model soups: Wortsman et al. 2022,
arXiv:2203.05482). It costs nothing, whereas one more training on all rows costs more than any fold.
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
        """Take one more ensemble into the mean."""
        self._n += 1
        if self._mean is None:
            members = [replace(one, model=copy.deepcopy(one.model)) for one in ensemble.members]
            self._mean = replace(ensemble, members=members)
            return
        for mean, one in zip(self._mean.members, ensemble.members, strict=True):
            self._stir(mean.model, one.model)

    def ensemble(self) -> Ensemble:
        """The mean of what was added."""
        if self._mean is None:
            raise ValueError("nothing was added")
        return self._mean

    def _stir(self, mean: torch.nn.Module, one: torch.nn.Module) -> None:
        with torch.no_grad():
            for old, new in zip(mean.parameters(), one.parameters(), strict=True):
                old.lerp_(new, 1 / self._n)
