"""Two systems on the same turns: difference, interval, p-value, effect size."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from eva.data.responses import check_same_turns
from eva.errors import InputError
from eva.metrics.catalogue import Metric
from eva.metrics.score import ScoreResult
from eva.settings.evaluate_section import Evaluate
from eva.statistics.bootstrap import Array, draw_weights, interval, mean_over_seeds, replicates_over_seeds


@dataclass(frozen=True)
class Difference:
    """`ours` minus `theirs` on one metric, paired by dialogue.

    `effect_size` is the difference over the standard deviation of one dialogue's contribution to
    it (for a mean over dialogues: Cohen's d of paired samples). `within_noise`: the interval
    holds 0, or there are too few dialogues to tell (see `resolution`). `better` is `ours`,
    `theirs`, or None within the noise or without a direction.
    """

    metric: str
    ours: float
    theirs: float
    difference: float
    ci: tuple[float, float] | None
    p_value: float | None
    effect_size: float | None
    within_noise: bool | None
    better: str | None
    n_dialogues: int
    n_seeds: tuple[int, int]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def compare(
    ours: Sequence[ScoreResult],
    theirs: Sequence[ScoreResult],
    *,
    settings: Evaluate,
    names: tuple[str, str] = ("ours", "theirs"),
    same_seeds: bool = True,
) -> list[Difference]:
    """Paired bootstrap of every metric that all results have; one result a training seed.

    A resample draws dialogues, the same for both systems, and seeds: together where both systems
    have the `same_seeds` (runs of one seed share data order and start), apart where they have not
    or are not as many. With one seed each, the interval covers the test dialogues only, not what
    another training would have given.
    """
    if not ours or not theirs:
        raise InputError(f"comparing {names[0]} with {names[1]}: each needs at least one scored run")
    first = ours[0].sample
    for result, name in [*((r, names[0]) for r in ours[1:]), *((r, names[1]) for r in theirs)]:
        check_same_turns(first.rows, result.sample.rows, (names[0], name))
    weights = draw_weights(len(first.dialogues), settings.bootstrap, settings.seed)
    seeds = _draw_seeds(len(ours), len(theirs), len(weights), settings.seed + 1, same_seeds)
    shared = [m for m in ours[0].chosen if all(m.name in r.statistics for r in [*ours, *theirs])]
    return [_difference(metric, ours, theirs, weights, seeds, settings.confidence) for metric in shared]


def _draw_seeds(n_ours: int, n_theirs: int, resamples: int, seed: int, together: bool) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(n_ours, np.full(n_ours, 1 / n_ours), size=resamples).astype(np.float64)
    if together and n_ours == n_theirs:
        return drawn, drawn
    others = rng.multinomial(n_theirs, np.full(n_theirs, 1 / n_theirs), size=resamples)
    return drawn, others.astype(np.float64)


def _difference(
    metric: Metric,
    ours: Sequence[ScoreResult],
    theirs: Sequence[ScoreResult],
    weights: Array,
    seeds: tuple[Array, Array],
    confidence: float,
) -> Difference:
    left = [result.statistics[metric.name] for result in ours]
    right = [result.statistics[metric.name] for result in theirs]
    values = mean_over_seeds(left), mean_over_seeds(right)
    gap, n_dialogues = values[0] - values[1], weights.shape[1]
    replicates = np.zeros(0)
    if n_dialogues > 1 and len(weights):
        replicates = replicates_over_seeds(left, weights, seeds[0])
        replicates = replicates - replicates_over_seeds(right, weights, seeds[1])
    ci = interval(gap, replicates, confidence)
    too_few = resolution(n_dialogues) > 1 - confidence
    within = None if ci is None else too_few or ci[0] <= 0 <= ci[1]
    return Difference(
        metric=metric.name,
        ours=values[0],
        theirs=values[1],
        difference=gap,
        ci=ci,
        p_value=p_value(replicates, resolution(n_dialogues)),
        effect_size=effect_size(gap, replicates, n_dialogues),
        within_noise=within,
        better=_better(gap, within, metric.higher_is_better),
        n_dialogues=n_dialogues,
        n_seeds=(len(ours), len(theirs)),
    )


def resolution(n_dialogues: int) -> float:
    """The smallest p that so few dialogues can support: chance that all differ in one direction.

    A bootstrap of two or three dialogues knows nothing of the others and would call anything certain.
    """
    return float(2.0 ** (1 - n_dialogues))


def p_value(replicates: Array, smallest: float = 0.0) -> float | None:
    """Two-sided: twice the smaller share of resampled differences at or beyond 0, at least `smallest`."""
    if not len(replicates):
        return None
    beyond = min((replicates <= 0).sum(), (replicates >= 0).sum())
    return min(1.0, max(smallest, float(2 * (1 + beyond) / (1 + len(replicates)))))


def effect_size(gap: float, replicates: Array, n_dialogues: int) -> float | None:
    """Difference in standard deviations of one dialogue's contribution; None where that is 0."""
    spread = float(replicates.std()) if len(replicates) else 0.0
    return gap / (spread * math.sqrt(n_dialogues)) if spread > 1e-12 else None


def _better(gap: float, within_noise: bool | None, higher_is_better: bool | None) -> str | None:
    if within_noise is not False or higher_is_better is None:
        return None
    return "ours" if (gap > 0) == higher_is_better else "theirs"
