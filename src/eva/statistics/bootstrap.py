"""Studentised bootstrap over dialogues: intervals and p-values of every statistic with pseudo-values.

A statistic is reduced to the influence of each dialogue on it (the jackknife's pseudo-values). For a single
value, dialogues are resampled (Efron and Tibshirani 1993, chapter 12); for a difference of two systems, the
difference of each dialogue gets a random sign, as it would if the systems were equal (the wild bootstrap,
Liu 1988). A resample's mean over its own standard error is one draw of t; the draws give both interval and
p-value.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from eva.statistics.estimators import Array, Statistic
from eva.statistics.spread import Estimate, estimate

if TYPE_CHECKING:
    from eva.settings.evaluate_section import Evaluate

Bounds = tuple[float | None, float | None]  # lowest and highest possible value; None: unbounded
UNBOUNDED: Bounds = (None, None)
_AT_ONCE = 2_000_000  # entries of the matrix of draws that are held as floats at a time
_NO_SPREAD = 1e-12  # standard error, in units of the largest influence, below which there is none


@dataclass(frozen=True)
class Resampling:
    """Settings of the bootstrap; equal settings give equal draws, so that two systems are paired."""

    resamples: int
    confidence: float
    seed: int

    @classmethod
    def of(cls, settings: "Evaluate") -> "Resampling":
        return cls(settings.bootstrap, settings.confidence, settings.seed)


@dataclass(frozen=True)
class Inference:
    """An interval and the two-sided p-value of the hypothesis "the true value is 0"; None: unavailable."""

    ci: tuple[float, float] | None
    p_value: float | None


NOTHING = Inference(None, None)


@lru_cache(maxsize=4)
def draw_weights(n_dialogues: int, resamples: int, seed: int) -> NDArray[np.uint8]:
    """How often each resample contains each dialogue (resamples x dialogues); deterministic."""
    if n_dialogues < 1 or resamples < 1:
        return np.zeros((0, n_dialogues), dtype=np.uint8)
    shares = np.full(n_dialogues, 1 / n_dialogues)
    return np.random.default_rng(seed).multinomial(n_dialogues, shares, size=resamples).astype(np.uint8)


@lru_cache(maxsize=4)
def draw_signs(n_dialogues: int, resamples: int, seed: int) -> NDArray[np.int8]:
    """A random sign for each dialogue in each resample (resamples x dialogues)."""
    drawn = np.random.default_rng(seed).integers(0, 2, (resamples, n_dialogues), dtype=np.int8)
    return 2 * drawn - 1


def infer(
    found: Estimate, resampling: Resampling, bounds: Bounds = UNBOUNDED, *, difference: bool = False
) -> Inference:
    """Interval and p-value of an estimate, which may be a `difference` of two systems.

    Nothing without resamples, below two dialogues and where the value is not defined. A single value has
    none either where no two dialogues differ, or so few that a resample often holds none of them (an end
    would be infinite). A difference that is the same in all dialogues is known as it is.
    """
    n, error, value = len(found.influence), found.standard_error, found.value
    if n < 2 or resampling.resamples < 1 or np.isnan(value) or np.isnan(error):
        return NOTHING
    if error <= _NO_SPREAD * max(1.0, abs(value)):
        nothing = abs(value) <= _NO_SPREAD
        return Inference((value, value), 1.0 if nothing else resolution(n)) if difference else NOTHING
    drawn = _sorted_draws(found, resampling, difference)
    low, high = _tails(drawn, resampling.confidence)
    if not np.isfinite([low, high]).all():
        return NOTHING
    ci = _within(value - error * high, bounds), _within(value - error * low, bounds)
    return Inference(ci, max(resolution(n), two_sided(value / error, drawn)))


def _sorted_draws(found: Estimate, resampling: Resampling, difference: bool) -> Array:
    """Draws of t in their order; both signs of each where it is symmetric."""
    drawn = draws_of_t(found, resampling, difference)
    return np.sort(np.concatenate([drawn, -drawn]) if difference else drawn)


def _tails(drawn: Array, confidence: float) -> tuple[float, float]:
    place = max(1, int((len(drawn) + 1) * (1 - confidence) / 2))
    return float(drawn[place - 1]), float(drawn[-place])


def draws_of_t(found: Estimate, resampling: Resampling, difference: bool = False) -> Array:
    """Drawn distances of an estimate from the truth, in units of its standard error.

    Dialogues give a studentised draw of their own standard error. The other sources, of which there are many
    (V) or very few (training runs), add their own draws (the Behrens-Fisher solution for several variances).
    """
    n, draw = len(found.influence), draw_signs if difference else draw_weights
    weights = draw(n, resampling.resamples, resampling.seed)
    if difference:
        means = _weighted(weights, found.influence[:, None])[:, 0] / n
        squares = np.full(len(means), (found.influence**2).mean())
    else:
        columns = np.stack([found.influence, found.influence**2], axis=1)
        means, squares = (_weighted(weights, columns) / n).T
    variance, floor = (squares - means**2) / (n - 1), _NO_SPREAD * float((found.influence**2).max())
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn = np.where(variance > floor, means / np.sqrt(variance), np.sign(means) * np.inf)
    moved = found.dialogue_error * np.where(np.abs(means) <= floor, 0.0, drawn)
    rng = np.random.default_rng([resampling.seed, 1])
    for part in found.others:
        moved = moved + part.draw(rng, len(moved))
    return np.asarray(moved / found.standard_error, dtype=np.float64)


def mean_interval(
    statistics: Sequence[Statistic], resampling: Resampling, bounds: Bounds = UNBOUNDED
) -> tuple[float, float] | None:
    """Interval of the mean over training seeds, see `infer`; of squared distances by `squared_interval`."""
    found = estimate(statistics)
    if statistics[0].corrected:
        plug_in = float(np.mean([statistic.plug_in for statistic in statistics]))
        return squared_interval(found, plug_in, resampling, bounds)
    return infer(found, resampling, bounds).ci


def squared_interval(
    found: Estimate, plug_in: float, resampling: Resampling, bounds: Bounds
) -> tuple[float, float] | None:
    """Interval of a squared distance whose bias, `plug_in` less the value, was taken off.

    The variance of an estimated squared distance falls with the distance: of d it is the variance at
    `plug_in` times (d + bias / 2) / plug_in. The interval holds every d from which the value is no further
    than its own standard error times t (a score interval), so that it is right at a distance of 0 too.
    """
    if infer(found, resampling).ci is None or plug_in <= 0:
        return None
    tails = _tails(_sorted_draws(found, resampling, False), resampling.confidence)
    ends = []
    for sign, t in zip((1, -1), tails, strict=True):
        half = t**2 * found.standard_error**2 / (2 * plug_in)
        inside = half**2 + half * (found.value + plug_in)
        ends.append(found.value + half + sign * max(0.0, inside) ** 0.5)
    return _within(ends[1], bounds), _within(ends[0], bounds)


def two_sided(t: float, drawn: Array) -> float:
    """Twice the smaller share of sorted draws at or beyond `t`, the value itself counted as a draw."""
    below = np.searchsorted(drawn, t, side="right")
    above = len(drawn) - np.searchsorted(drawn, t, side="left")
    return min(1.0, float(2 * (1 + min(below, above)) / (1 + len(drawn))))


def resolution(n_dialogues: int) -> float:
    """The smallest p-value that n dialogues allow: the probability that all differ in one direction.

    Without this limit a bootstrap of two or three dialogues would give a p-value near 0 for any difference.
    """
    return float(2.0 ** (1 - n_dialogues))


def _weighted(weights: NDArray[Any], columns: Array) -> Array:
    """`weights @ columns`, computed in blocks of resamples to limit memory."""
    step = max(1, _AT_ONCE // max(1, weights.shape[1]))
    blocks = [weights[i : i + step].astype(np.float64) @ columns for i in range(0, len(weights), step)]
    return np.concatenate(blocks) if blocks else np.zeros((0, columns.shape[1]))


def _within(value: float, bounds: Bounds) -> float:
    low, high = bounds
    value = value if low is None else max(float(low), value)
    return value if high is None else min(float(high), value)
