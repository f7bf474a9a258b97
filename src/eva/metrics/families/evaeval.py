"""EVAEval: when a system validates at which level, against the reference (paper 4.2, equation 1).

Per level l, T is the share of the system's level-l turns in each quartile of the dialogue and V
the same of the reference. Four forms are kept side by side: equation 1 as printed, four times that
(the only scaling that can produce the constants of Tables 2 and 8), per-dialogue shares averaged,
and the joint shares, which alone see how often a level comes.
"""

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eva.data.dialogue import LEVELS, NO_LEVEL
from eva.metrics.catalogue import detail, metric, noise_floor
from eva.metrics.formulas import FORMS, all_distances
from eva.metrics.needs import HISTOGRAM
from eva.metrics.sample import Sample
from eva.scorers.reference import Reference, averaged, by_level, count_levels, joint, profile, within_level
from eva.statistics.estimators import Array, Estimator, Statistic, named

_DRAWS = 400  # of the noise floors
# Turns of a level below which its shares over the quartiles say nothing: five a quartile, the usual rule
# for counts in cells.
LEAST = 20
_SCOPE = (
    "Levels by the level classifier (its own tokeniser; most probable class, no smoothing); turns of "
    "no level are left out. Quartile = ceil(4 * turn / n_turns). V is held fixed under resampling"
)


def sample_counts(sample: Sample) -> NDArray[np.int64]:
    """Counts of a labelled sample (dialogues x 4 x 4)."""
    quartiles = np.array([row.quartile for row in sample.rows], dtype=np.int64)
    return count_levels(sample.labelled("level"), quartiles, sample.dialogue_of, len(sample.dialogues))


def _statistic(sample: Sample, estimate: Estimator, level: int | None, rarest: bool) -> Statistic:
    counts = sample_counts(sample)
    by_level = counts.sum(axis=(0, 2))
    n = int(by_level.sum() if level is None else by_level[level - 1])
    return Statistic(
        profile(counts),
        n=n,
        estimator=estimate,
        constant=sample.known_reference.totals,
        support=int(by_level.min()) if rarest else n,
    )


def _register(
    name: str, heading: str, level: int | None, definition: str, *, shown: bool, least: int
) -> None:
    rarest = name.endswith("/avg")
    metric(
        name,
        family="evaeval",
        heading=heading,
        table="comparison" if shown else None,
        over="EVAEval ↓",
        unit="squared share",
        higher_is_better=False,
        positional=True,
        needs=("level", HISTOGRAM),
        least=least,
        definition=definition,
    )(partial(_statistic, estimate=named(name), level=level, rarest=rarest))


for _name, _form in FORMS.items():
    for _level in LEVELS:
        _register(
            f"{_name}/level_{_level}",
            f"L{_level}",
            _level,
            f"Level {_level}: {_form.text}. {_SCOPE}. Not measured below {LEAST} turns of the level.",
            shown=_name == "evaeval_sum",
            least=LEAST,
        )
    _register(
        f"{_name}/avg",
        _form.heading,
        None,
        f"Mean over the four levels of: {_form.text}. {_SCOPE}. Not measured below {LEAST} turns of a level.",
        shown=_name != "evaeval_dialogue",
        least=LEAST,
    )
_register(
    "evaeval_joint",
    "Joint",
    None,
    "Sum over the 16 level-by-quartile cells of (T - V)^2, T and V being shares of all levelled turns: "
    f"sees how often a level comes, which the other forms do not. {_SCOPE}. Not measured below {4 * LEAST} "
    "levelled turns.",
    shown=True,
    least=4 * LEAST,
)


@dataclass(frozen=True)
class NoiseFloor:
    """What a system equal to the reference would get.

    `split_half`: mean distance between random halves of the reference. `same_size`: median and
    95th percentile for as many dialogues as the system has, drawn from the reference.
    """

    split_half: dict[str, float]
    same_size: dict[str, tuple[float, float]]


def reference_noise(reference: Reference, n_dialogues: int, seed: int, draws: int = _DRAWS) -> NoiseFloor:
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


@lru_cache(maxsize=4)  # the floors and the details of one sample ask for the same noise
def _noise(sample: Sample, seed: int) -> NoiseFloor:
    return reference_noise(sample.known_reference, len(sample.dialogues), seed)


@noise_floor("evaeval")
def split_half(sample: Sample, seed: int) -> dict[str, float]:
    """What random halves of the reference get against each other, by metric."""
    return _noise(sample, seed).split_half


@detail("evaeval")
def shares_and_counts(sample: Sample, seed: int) -> dict[str, Any]:
    """T, V and counts behind the values, for the JSON and Figure 4."""
    counts, given, floor = sample_counts(sample), sample.known_reference, _noise(sample, seed)
    system, reference = profile(counts).sum(axis=0)[None], given.totals[None]
    return {
        "T": by_level(within_level(system)[0]),
        "V": by_level(within_level(reference)[0]),
        "counts": by_level(counts.sum(axis=0)),
        "reference_counts": by_level(given.dialogues.sum(axis=0)),
        "per_dialogue": {"T": by_level(averaged(system)[0]), "V": by_level(averaged(reference)[0])},
        "joint": {"T": by_level(joint(system)[0]), "V": by_level(joint(reference)[0])},
        "n_none": int((sample.labelled("level") == NO_LEVEL).sum()),
        "reference_n_none": given.n_none,
        "n_dialogues": len(sample.dialogues),
        "reference_n_dialogues": len(given.dialogues),
        "split_half": floor.split_half,
        "same_size": {name: list(pair) for name, pair in floor.same_size.items()},
        "reference_provenance": dict(given.provenance),
    }
