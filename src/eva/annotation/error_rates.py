"""How often an annotator errs, from votes alone (Dawid and Skene 1979, with one rate for each annotator).

Each subject has one true class. An annotator votes for it with probability 1 - error, and otherwise for
any of the others alike. The rates and the classes are found together by expectation maximisation, so
that a vote counts more, the less its annotator errs. Plain agreement with the majority would be too high,
because the annotator's own vote is in it.
"""

import numpy as np
from numpy.typing import NDArray

from eva.statistics.estimators import Array

NO_VOTE = -1
FEWEST_VOTES = 3  # of a subject: two who differ do not show which of them errs
_STEPS = 100
_CONVERGED = 1e-6
# Annotators are taken to have erred once and been right once beforehand, or a rate of 0 could not be left.
_PRIOR = 1.0

Votes = NDArray[np.int64]


def count_errors(votes: Votes, n_classes: Votes) -> tuple[Votes, Votes]:
    """Of each annotator, the expected number of votes that are wrong (rounded), and how many were judged.

    A subject with fewer than three votes, or with one class, judges nobody.

    Args:
        votes: (subjects, annotators) class of each vote, or `NO_VOTE`.
        n_classes: (subjects,) number of classes to choose from.
    """
    judging = ((votes != NO_VOTE).sum(axis=1) >= FEWEST_VOTES) & (n_classes > 1)
    given = votes[judging]
    judged = (given != NO_VOTE).sum(axis=0)
    if not judging.any():
        return judged, judged
    right = np.take_along_axis(class_probabilities(given, n_classes[judging]), np.maximum(given, 0), axis=1)
    wrong = np.where(given == NO_VOTE, 0.0, 1 - right).sum(axis=0)
    return np.rint(wrong).astype(np.int64), judged


def class_probabilities(votes: Votes, n_classes: Votes) -> Array:
    """(subjects, classes) probability of each class, by expectation maximisation from the shares of votes."""
    voted = votes != NO_VOTE
    chosen = votes[:, :, None] == np.arange(int(n_classes.max()))
    possible = np.arange(int(n_classes.max())) < n_classes[:, None]
    posterior: Array = chosen.sum(axis=1) / voted.sum(axis=1, keepdims=True)
    errors = np.zeros(votes.shape[1])
    for _ in range(_STEPS):
        right = (posterior[:, None, :] * chosen).sum(axis=2)
        previous, n = errors, voted.sum(axis=0)
        errors = ((voted - right).sum(axis=0) + _PRIOR) / (n + 2 * _PRIOR)
        if np.abs(errors - previous).max() < _CONVERGED:
            break
        other = np.log(errors[None, :] / (n_classes[:, None] - 1))
        gain = np.where(voted, np.log1p(-errors)[None, :] - other, 0.0)
        score = np.where(possible, (gain[:, :, None] * chosen).sum(axis=1), -np.inf)
        posterior = np.exp(score - score.max(axis=1, keepdims=True))
        posterior /= posterior.sum(axis=1, keepdims=True)
    return posterior
