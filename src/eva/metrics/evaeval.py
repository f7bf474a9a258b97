"""EVAEval: when a system validates at which level, against the reference (paper 4.2, equation 1).

Per level l, T is the share of the system's level-l turns in each quartile of the dialogue and V
the same of the reference. Four forms are kept side by side: equation 1 as printed, four times that
(the only scaling that can produce the constants of Tables 2 and 8), per-dialogue shares averaged,
and the joint shares, which alone see how often a level comes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eva.data.dialogue import LEVELS, NO_LEVEL
from eva.metrics.catalogue import metric
from eva.metrics.sample import Sample
from eva.scorers.reference import Reference, averaged, by_level, count_levels, joint, profile, within_level
from eva.statistics.bootstrap import Additive, Array

_DRAWS = 400  # of the noise floors
_SCOPE = (
    "Levels by the level classifier (its own tokeniser; most probable class, no smoothing); turns of "
    "no level are left out. Quartile = ceil(4 * turn / n_turns). V is held fixed under resampling"
)


@dataclass(frozen=True)
class Form:
    """One arithmetic of EVAEval: which shares, how they are scaled, and what the definition says."""

    shares: Callable[[Array], Array]
    scale: float
    text: str


FORMS = {
    "evaeval": Form(
        within_level, 1 / 4, "mean over the quartiles of (T - V)^2 (equation 1), shares pooled over dialogues"
    ),
    "evaeval_sum": Form(
        within_level, 1.0, "sum over the quartiles of (T - V)^2, shares pooled over dialogues"
    ),
    "evaeval_dialogue": Form(
        averaged,
        1 / 4,
        "mean over the quartiles of (T - V)^2, T and V being shares within a dialogue (zeros where the "
        "level is absent) averaged over dialogues",
    ),
}


def level_distances(form: Form, system: Array, reference: Array) -> Array:
    """One form's value per level (m x 33 totals, twice -> m x 4); a level that is absent has T = 0."""
    squared = (form.shares(system) - form.shares(reference)) ** 2
    return np.asarray(form.scale * squared.sum(axis=-1), dtype=np.float64)


def joint_distance(system: Array, reference: Array) -> Array:
    """Sum over the 16 level-by-quartile cells of the squared difference of joint shares (m,)."""
    squared = (joint(system) - joint(reference)) ** 2
    return np.asarray(squared.sum(axis=(-2, -1)), dtype=np.float64)


def all_distances(system: Array, reference: Array) -> dict[str, Array]:
    """Every metric of the family by name: m x 33 totals of `profile`, twice, to m values each."""
    values: dict[str, Array] = {}
    for name, form in FORMS.items():
        distances = level_distances(form, system, reference)
        values |= {f"{name}/level_{level}": distances[:, level - 1] for level in LEVELS}
        values[f"{name}/avg"] = distances.mean(axis=1)
    values["evaeval_joint"] = joint_distance(system, reference)
    return values


def sample_counts(sample: Sample) -> NDArray[np.int64]:
    """Counts of a labelled sample (dialogues x 4 x 4)."""
    quartiles = np.array([row.quartile for row in sample.rows], dtype=np.int64)
    return count_levels(sample.known_levels, quartiles, sample.dialogue_of, len(sample.dialogues))


def _statistic(sample: Sample, name: str, level: int | None) -> Additive:
    counts, reference = sample_counts(sample), sample.known_reference.totals[None]
    used = counts if level is None else counts[:, level - 1]
    return Additive(
        profile(counts),
        n=int(used.sum()),
        combine=lambda totals: all_distances(totals, reference)[name],
    )


def _register(name: str, level: int | None, definition: str) -> None:
    metric(
        name,
        family="evaeval",
        unit="squared share",
        higher_is_better=False,
        positional=True,
        definition=definition,
    )(partial(_statistic, name=name, level=level))


for _name, _form in FORMS.items():
    for _level in LEVELS:
        _register(f"{_name}/level_{_level}", _level, f"Level {_level}: {_form.text}. {_SCOPE}.")
    _register(f"{_name}/avg", None, f"Mean over the four levels of: {_form.text}. {_SCOPE}.")
_register(
    "evaeval_joint",
    None,
    "Sum over the 16 level-by-quartile cells of (T - V)^2, T and V being shares of all levelled turns: "
    f"sees how often a level comes, which the other forms do not. {_SCOPE}.",
)


@dataclass(frozen=True)
class NoiseFloor:
    """What a system equal to the reference would get.

    `split_half`: mean distance between random halves of the reference. `same_size`: median and
    95th percentile for as many dialogues as the system has, drawn from the reference.
    """

    split_half: dict[str, float]
    same_size: dict[str, tuple[float, float]]


def noise_floor(reference: Reference, n_dialogues: int, seed: int, draws: int = _DRAWS) -> NoiseFloor:
    """Noise of every metric of the family, from the reference's own dialogues."""
    rng = np.random.default_rng(seed)
    rows, size = profile(reference.dialogues), len(reference.dialogues)
    order = np.argsort(rng.random((draws, size)), axis=1)
    half = (order < size // 2).astype(np.float64)
    halves = all_distances(half @ rows, (1 - half) @ rows)
    drawn = rng.multinomial(n_dialogues, np.full(size, 1 / size), size=draws).astype(np.float64)
    sized = all_distances(drawn @ rows, reference.totals[None])
    return NoiseFloor(
        {name: float(values.mean()) for name, values in halves.items()},
        {name: _median_and_tail(values) for name, values in sized.items()},
    )


def _median_and_tail(values: Array) -> tuple[float, float]:
    return float(np.median(values)), float(np.quantile(values, 0.95))


def detail(sample: Sample, floor: NoiseFloor) -> dict[str, Any]:
    """T, V and counts behind the values, for the JSON and Figure 4."""
    counts, given = sample_counts(sample), sample.known_reference
    system, reference = profile(counts).sum(axis=0)[None], given.totals[None]
    return {
        "T": by_level(within_level(system)[0]),
        "V": by_level(within_level(reference)[0]),
        "counts": by_level(counts.sum(axis=0)),
        "reference_counts": by_level(given.dialogues.sum(axis=0)),
        "per_dialogue": {"T": by_level(averaged(system)[0]), "V": by_level(averaged(reference)[0])},
        "joint": {"T": by_level(joint(system)[0]), "V": by_level(joint(reference)[0])},
        "n_none": int((sample.known_levels == NO_LEVEL).sum()),
        "reference_n_none": given.n_none,
        "n_dialogues": len(sample.dialogues),
        "reference_n_dialogues": len(given.dialogues),
        "split_half": floor.split_half,
        "same_size": {name: list(pair) for name, pair in floor.same_size.items()},
        "reference_provenance": dict(given.provenance),
    }
