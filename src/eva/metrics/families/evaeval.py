"""EVAEval: how close the timing of a system's validation levels is to the reference (paper 4.2, equation 1).

For each level l, T is the share of the system's level-l turns in each quartile of the dialogue, and V is the
same share in the reference. There are four forms: equation 1 as printed, four times that (the only scaling
that can produce the constants of Tables 2 and 8), the average of per-dialogue shares, and the joint shares,
which are the only form that also depends on how often a level occurs.

All four are biased upwards by the noise of T and V: the squared difference of two estimates is too large by
their variances, so a system that gives a level less often gets a larger value for the same timing. The sum
and the joint form therefore have bias-corrected versions, which intervals and verdicts use.
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
# Fewest turns of a level for which its shares over the quartiles are meaningful: five per quartile, the usual
# rule for counts in cells, in at least half as many dialogues, since turns of one dialogue are dependent.
LEAST = 20
_CELLS = 4 * LEAST
# A dialogue with fewer supporter turns necessarily has empty quartiles; timing is not measured if a larger
# share of the responses is in such dialogues.
_SHORT, _SHORT_SHARE = 4, 0.1
_SCOPE = (
    "Levels by the level classifier (its own tokeniser; most probable class, no smoothing); turns of "
    "no level are left out. Quartile = ceil(4 * turn / n_turns)"
)
_BIASED = "The paper's value: too large by the noise of T and V, and so without interval and verdict"
_CORRECTED = (
    "Less its bias by the jackknife, each dialogue of the system and of V left out once (below 0 by chance "
    "where the timing is that of people); intervals cover the noise of V"
)
_MEASURED = (
    f"Not measured below {LEAST} turns of a level in {LEAST // 2} dialogues, of the system or of V, nor "
    f"where over {_SHORT_SHARE:.0%} of the responses are in dialogues of fewer than {_SHORT} supporter turns"
)


def sample_counts(sample: Sample) -> NDArray[np.int64]:
    """Counts of a labelled sample (dialogues x 4 x 4)."""
    quartiles = np.array([row.quartile for row in sample.rows], dtype=np.int64)
    return count_levels(sample.labelled("level"), quartiles, sample.dialogue_of, len(sample.dialogues))


def _statistic(
    sample: Sample, estimate: Estimator, level: int | None, rarest: bool, corrected: bool
) -> Statistic:
    counts, reference = sample_counts(sample), sample.known_reference
    by_level = counts.sum(axis=(0, 2))
    enough = [_enough(one, level, rarest) for one in (counts, reference.dialogues)]
    flat = [one.reshape(-1, 16).astype(np.float64) for one in (counts, reference.dialogues)]
    return Statistic(
        flat[0] if corrected else profile(counts),
        n=int(by_level.sum() if level is None else by_level[level - 1]),
        estimator=estimate,
        constant=reference.totals,
        support=0 if is_short(sample) else min(enough),
        second=flat[1] if corrected else np.zeros((0, 0)),
        corrected=corrected,
    )


def _enough(counts: NDArray[np.int64], level: int | None, rarest: bool) -> int:
    """Number of turns, or twice their dialogues if that is less: of one level, the rarest, or all."""
    turns, dialogues = counts.sum(axis=(0, 2)), (counts.sum(axis=2) > 0).sum(axis=0)
    each = np.minimum(turns, 2 * dialogues)
    if level is not None:
        return int(each[level - 1])
    return int(each.min() if rarest else each.sum())


def is_short(sample: Sample) -> bool:
    """Whether the dialogues are too short for quartiles; `level_turns` is for such dialogues."""
    return float(np.mean([row.n_turns < _SHORT for row in sample.rows])) > _SHORT_SHARE


def _register(name: str, twin: str, heading: str, level: int | None, text: str, least: int) -> None:
    """Register the uncorrected metric `name`, and its bias-corrected version `twin` unless that is ''."""
    for own in (name, twin) if twin else (name,):
        corrected = own == twin
        metric(
            own,
            family="evaeval",
            heading=heading,
            table="comparison" if corrected else None,
            over="EVAEval ↓",
            unit="squared share",
            higher_is_better=False,
            positional=True,
            needs=("level", HISTOGRAM),
            least=least,
            has_interval=corrected,
            plug_in=name if corrected else "",
            definition=f"{text}. {_CORRECTED if corrected else _BIASED}. {_SCOPE}. {_MEASURED}.",
        )(
            partial(
                _statistic,
                estimate=named(name),
                level=level,
                rarest=name.endswith("/avg"),
                corrected=corrected,
            )
        )


for _name, _form in FORMS.items():
    _twin = "evaeval_sum_corrected" if _name == "evaeval_sum" else ""
    for _level in LEVELS:
        _register(
            f"{_name}/level_{_level}",
            _twin and f"{_twin}/level_{_level}",
            f"L{_level}",
            _level,
            f"Level {_level}: {_form.text}",
            LEAST,
        )
    _register(
        f"{_name}/avg",
        _twin and f"{_twin}/avg",
        _form.heading,
        None,
        f"Mean over the four levels of: {_form.text}",
        LEAST,
    )
_register(
    "evaeval_joint",
    "evaeval_joint_corrected",
    "Joint",
    None,
    "Sum over the 16 level-by-quartile cells of (T - V)^2, T and V being shares of all levelled turns: "
    f"sees how often a level comes, which the other forms do not (n: {_CELLS} levelled turns at least)",
    _CELLS,
)


@dataclass(frozen=True)
class NoiseFloor:
    """The values that a system equal to the reference would get, by metric.

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


@lru_cache(maxsize=4)  # the floors and the details of one sample use the same noise
def _noise(sample: Sample, seed: int) -> NoiseFloor:
    return reference_noise(sample.known_reference, len(sample.dialogues), seed)


@noise_floor("evaeval")
def split_half(sample: Sample, seed: int) -> dict[str, float]:
    """The mean distance between random halves of the reference, by metric."""
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
