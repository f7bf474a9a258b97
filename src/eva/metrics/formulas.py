"""The estimators of EVA's own metrics that are not ratios: corpus BLEU and the forms of EVAEval.

They need only sums over dialogues, so the report computes intervals and comparisons without a metric's code.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from eva.data.dialogue import LEVELS
from eva.scorers.reference import averaged, joint, within_level
from eva.statistics.estimators import Array, estimator


def bleu_of_counts(counts: Array) -> Array:
    """BLEU-2 (0 to 1) of counts (m x 6), of single responses or summed over several; see `_bleu_counts`."""
    ones, n_ones, twos, n_twos, ours, theirs = counts.T
    precision = ones * twos / np.maximum(n_ones * n_twos, 1)
    shortfall = np.where(ours > theirs, 0.0, 1 - theirs / np.maximum(ours, 1))
    penalty = np.where(ours > 0, np.exp(shortfall), 0.0)
    return np.asarray(penalty * np.sqrt(precision), dtype=np.float64)


@estimator("bleu_2")
def bleu_of_totals(totals: Array, _: Array) -> Array:
    """Corpus BLEU-2, in percent, of summed counts."""
    return 100 * bleu_of_counts(totals)


@dataclass(frozen=True)
class Form:
    """One form of EVAEval's formula: the shares it uses, their scale, and its definition in words.

    `heading` is the column heading of its mean over the levels.
    """

    heading: str
    shares: Callable[[Array], Array]
    scale: float
    text: str


# The sum form comes first: it is the only one that the paper's tables can contain.
FORMS = {
    "evaeval_sum": Form(
        "Avg.", within_level, 1.0, "sum over the quartiles of (T - V)^2, shares pooled over dialogues"
    ),
    "evaeval": Form(
        "Eq. 1",
        within_level,
        1 / 4,
        "mean over the quartiles of (T - V)^2 (equation 1), shares pooled over dialogues",
    ),
    "evaeval_dialogue": Form(
        "Avg. d.",
        averaged,
        1 / 4,
        "mean over the quartiles of (T - V)^2, T and V being shares within a dialogue (zeros where the "
        "level is absent) averaged over dialogues",
    ),
}


def level_distances(form: Form, system: Array, reference: Array) -> Array:
    """One form's value per level (m x 33 totals of each sample -> m x 4); an absent level has T = 0."""
    squared = (form.shares(system) - form.shares(reference)) ** 2
    return np.asarray(form.scale * squared.sum(axis=-1), dtype=np.float64)


def joint_distance(system: Array, reference: Array) -> Array:
    """Sum over the 16 level-by-quartile cells of the squared difference of joint shares (m,)."""
    squared = (joint(system) - joint(reference)) ** 2
    return np.asarray(squared.sum(axis=(-2, -1)), dtype=np.float64)


def all_distances(system: Array, reference: Array) -> dict[str, Array]:
    """All metrics of the family by name, m values each, from m x 33 totals of `profile` of both samples."""
    values: dict[str, Array] = {}
    for name, form in FORMS.items():
        distances = level_distances(form, system, reference)
        values |= {f"{name}/level_{level}": distances[:, level - 1] for level in LEVELS}
        values[f"{name}/avg"] = distances.mean(axis=1)
    values["evaeval_joint"] = joint_distance(system, reference)
    return values


def _level(totals: Array, reference: Array, form: Form, level: int) -> Array:
    distances: Array = level_distances(form, totals, np.atleast_2d(reference))[:, level - 1]
    return distances


def _average(totals: Array, reference: Array, form: Form) -> Array:
    mean: Array = level_distances(form, totals, np.atleast_2d(reference)).mean(axis=1)
    return mean


@estimator("evaeval_joint")
def _joint(totals: Array, reference: Array) -> Array:
    return joint_distance(totals, np.atleast_2d(reference))


for _name, _form in FORMS.items():
    for _place in LEVELS:
        estimator(f"{_name}/level_{_place}")(partial(_level, form=_form, level=_place))
    estimator(f"{_name}/avg")(partial(_average, form=_form))
