"""Fleiss' kappa (Fleiss 1971): agreement of many raters on categories, beyond chance."""

import numpy as np

from eva.human.ratings import Counts
from eva.statistics.estimators import Array, Statistic, estimator


@estimator("fleiss_kappa")
def fleiss_kappa(totals: Array, _: Array) -> Array:
    """Kappa for each row of totals, summed as in `kappa_by_dialogue`.

    Args:
        totals: (m, 2 + categories): agreeing pairs, number of items, and ratings per category.
        _: not used; estimators of a ratio need it.

    Returns:
        (m,) values; NaN where kappa is not defined.
    """
    agreement, items, categories = totals[:, 0], totals[:, 1], totals[:, 2:]
    given = categories.sum(axis=1, keepdims=True)
    shares = np.divide(categories, given, out=np.full_like(categories, np.nan), where=given > 0)
    chance = (shares**2).sum(axis=1)
    observed = np.divide(agreement, items, out=np.full_like(items, np.nan), where=items > 0)
    defined = chance < 1 - 1e-12
    kappa: Array = np.divide(observed - chance, 1 - chance, out=np.full_like(chance, np.nan), where=defined)
    return kappa


def kappa_by_dialogue(counts: Counts, dialogue_of: Counts) -> Statistic:
    """Kappa as a function of sums over dialogues, so that dialogues can be resampled.

    `counts` (items x categories) have equally many raters an item. A dialogue contributes its items'
    shares of agreeing pairs of raters, their number, and how often each category was given. NaN where
    kappa is not defined: one rater, no items, or all ratings in one category.
    """
    raters = int(counts[0].sum()) if len(counts) else 0
    pairs = raters * (raters - 1)
    agreeing = (counts * (counts - 1)).sum(axis=1) / pairs if pairs else np.full(len(counts), np.nan)
    columns = np.column_stack([agreeing, np.ones(len(counts)), counts])
    sums = np.zeros((int(dialogue_of.max(initial=-1)) + 1, columns.shape[1]))
    np.add.at(sums, dialogue_of, columns)
    return Statistic(sums, n=int(counts.sum()), estimator=fleiss_kappa)
