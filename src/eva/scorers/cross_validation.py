"""Out-of-fold predictions: every row is labelled by a model that was not trained on its group."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from eva.errors import InputError
from eva.settings.scorer_section import Scorer

log = logging.getLogger(__name__)


class Fitter(Protocol):
    """Trains classifiers on subsets of rows that it holds; `labels` has one entry for each of its rows."""

    n_labels: int

    @property
    def settings(self) -> Scorer: ...

    def fit(self, labels: Sequence[int], indices: Sequence[int], title: str) -> Any: ...

    def probabilities(self, classifier: Any, indices: Sequence[int]) -> NDArray[np.float64]: ...


@dataclass(frozen=True)
class CrossValidation:
    """Out-of-fold probabilities [rows, labels], and the fold (from 0) that held each row out."""

    probabilities: NDArray[np.float64]
    fold: NDArray[np.int64]


def cross_validate(
    fitter: Fitter,
    labels: Sequence[int | None],
    groups: Sequence[str],
    title: str,
    take: Callable[[Any], None] = lambda _: None,
) -> CrossValidation:
    """Grouped, stratified k-fold over the fitter's rows.

    A row without a label (None) is not trained on but is predicted like the others, by the model that was
    not trained on its group. `take` is called with each fold's classifier.
    """
    folds = fitter.settings.folds
    fold = assign_folds(labels, groups, folds, fitter.settings.seed)
    labelled = np.array([label is not None for label in labels])
    known = [0 if label is None else label for label in labels]
    probabilities = np.zeros((len(labels), fitter.n_labels))
    for number in range(folds):
        name = f"{title}, fold {number + 1} of {folds}"
        held_out = np.flatnonzero(fold == number).tolist()
        classifier = fitter.fit(known, np.flatnonzero((fold != number) & labelled).tolist(), name)
        probabilities[held_out] = fitter.probabilities(classifier, held_out)
        take(classifier)
    return CrossValidation(probabilities, fold)


def assign_folds(
    labels: Sequence[int | None], groups: Sequence[str], folds: int, seed: int
) -> NDArray[np.int64]:
    """The fold (from 0) of every row: one per group, with class shares as equal as possible."""
    from sklearn.model_selection import StratifiedGroupKFold

    rows = [i for i, label in enumerate(labels) if label is not None]
    found = {groups[i] for i in rows}
    if len(found) < folds:
        raise InputError(
            f"{folds}-fold cross-validation needs at least {folds} labelled groups (dialogues, or seeker "
            f"posts) and the data has {len(found)}; lower `folds` or give more data"
        )
    kept_labels, kept_groups = [labels[i] for i in rows], [groups[i] for i in rows]
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    owner: dict[str, int] = {}
    for number, (_, held_out) in enumerate(splitter.split(kept_labels, kept_labels, kept_groups)):
        owner |= {kept_groups[i]: number for i in held_out}
    for group in groups:  # groups without a labelled row are in no training set, so any fold is right
        owner.setdefault(group, len(owner) % folds)
    return np.array([owner[group] for group in groups], dtype=np.int64)
