"""Agreement of many raters on categories, beyond chance: Fleiss' kappa and Krippendorff's alpha.

Fleiss (1971) takes equally many raters an item; where their numbers differ, an item's agreement is the share
of its own pairs of raters that agree (as in Gwet 2014). Krippendorff (2011, "Computing Krippendorff's
Alpha-Reliability") weighs items by their ratings and corrects for few of them. Both leave out items with one
rater, which say nothing about agreement.
"""

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


@estimator("krippendorff_alpha")
def krippendorff_alpha(totals: Array, _: Array) -> Array:
    """Nominal alpha of totals as `alpha_by_dialogue` sums them (m x 1 + categories -> m)."""
    disagreement, categories = totals[:, 0], totals[:, 1:]
    given = categories.sum(axis=1)
    chance = (categories * (given[:, None] - categories)).sum(axis=1)  # ordered pairs of unlike ratings
    undefined = np.full_like(given, np.nan)
    alpha: Array = 1 - np.divide(disagreement * (given - 1), chance, out=undefined, where=chance > 0)
    return alpha


def kappa_by_dialogue(counts: Counts, dialogue_of: Counts) -> Statistic:
    """Kappa as a function of sums over dialogues, so that dialogues can be resampled.

    Of `counts` (items x categories), a dialogue contributes its items' shares of agreeing pairs of
    raters, their number, and how often each category was given. NaN where kappa is not defined: no item
    with two raters, or all ratings in one category.
    """
    rated, raters, dialogues = _rated(counts, dialogue_of)
    agreeing = (rated * (rated - 1)).sum(axis=1) / (raters * (raters - 1))
    columns = np.column_stack([agreeing, np.ones(len(rated)), rated])
    return Statistic(_summed(columns, dialogues, dialogue_of), n=int(rated.sum()), estimator=fleiss_kappa)


def alpha_by_dialogue(counts: Counts, dialogue_of: Counts) -> Statistic:
    """Alpha as a function of sums over dialogues.

    Of `counts` (items x categories), a dialogue contributes its items' unlike pairs of ratings, each
    item's divided by its raters less one, and how often each category was given. NaN as for kappa.
    """
    rated, raters, dialogues = _rated(counts, dialogue_of)
    unlike = (rated * (raters[:, None] - rated)).sum(axis=1) / (raters - 1)
    columns = np.column_stack([unlike, rated])
    return Statistic(
        _summed(columns, dialogues, dialogue_of), n=int(rated.sum()), estimator=krippendorff_alpha
    )


def _rated(counts: Counts, dialogue_of: Counts) -> tuple[Counts, Counts, Counts]:
    """Items with two raters or more: their counts, their numbers of raters and their dialogues."""
    raters = counts.sum(axis=1)
    several = raters > 1
    return counts[several], raters[several], dialogue_of[several]


def _summed(columns: Array, dialogues: Counts, dialogue_of: Counts) -> Array:
    sums = np.zeros((int(dialogue_of.max(initial=-1)) + 1, columns.shape[1]))
    np.add.at(sums, dialogues, columns)
    return sums
