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
_ROUNDING = 1e-9
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

    Both are None without resamples, below two dialogues and for an undefined value. They are also None for a
    single value if all dialogues are equal, or if so few differ that many resamples contain none of them (the
    interval would be infinite). A difference that is the same in all dialogues has an interval of width 0.
    """
    return infer_all([found], resampling, bounds, difference=difference)[0]


def infer_all(
    several: Sequence[Estimate],
    resampling: Resampling,
    bounds: Bounds = UNBOUNDED,
    *,
    difference: bool = False,
) -> list[Inference]:
    """As `infer`, of several estimates over equally many dialogues at once."""
    drawn = draws_of_t(several, resampling, difference)
    pairs = zip(several, drawn, strict=True)
    return [_inference(*pair, resampling.confidence, bounds, difference) for pair in pairs]


def _inference(
    found: Estimate, drawn: Array, confidence: float, bounds: Bounds, difference: bool
) -> Inference:
    n, error, value = len(found.influence), found.standard_error, found.value
    if n < 2 or not len(drawn) or np.isnan(value) or np.isnan(error):
        return NOTHING
    if error <= _NO_SPREAD * max(1.0, abs(value)):
        nothing = abs(value) <= _NO_SPREAD
        return Inference((value, value), 1.0 if nothing else resolution(n)) if difference else NOTHING
    low, high = _tails(drawn, confidence, difference)
    if not np.isfinite([low, high]).all():
        return NOTHING
    ci = _within(value - error * high, bounds), _within(value - error * low, bounds)
    return Inference(ci, max(resolution(n), two_sided(value / error, drawn, difference)))


def _tails(drawn: Array, confidence: float, difference: bool) -> tuple[float, float]:
    """The draws that leave out the tails: of a difference, both at the same distance."""
    places = len(drawn) + 1
    if difference:
        place = min(len(drawn), int(np.ceil(places * confidence - _ROUNDING))) - 1
        high = float(np.partition(np.abs(drawn), place)[place])
        return -high, high
    place = max(1, int(places * (1 - confidence) / 2 + _ROUNDING))
    ordered = np.partition(drawn, [place - 1, len(drawn) - place])
    return float(ordered[place - 1]), float(ordered[-place])


def draws_of_t(several: Sequence[Estimate], resampling: Resampling, difference: bool = False) -> Array:
    """Drawn distances of estimates from the truth, in units of their standard errors (estimates x resamples).

    The dialogues give a studentised draw. The other sources of variance, with many units (V) or very few
    (training runs), add their own draws (the Behrens-Fisher solution for several variances).
    """
    influence = np.stack([found.influence for found in several], axis=1)
    n, draw = len(influence), draw_signs if difference else draw_weights
    weights = draw(n, resampling.resamples if n > 1 else 0, resampling.seed)
    means = _weighted(weights, influence) / max(n, 1)
    squares = (influence**2).mean(axis=0) if difference else _weighted(weights, influence**2) / max(n, 1)
    variance, floor = (squares - means**2) / max(n - 1, 1), _NO_SPREAD * (influence**2).max(axis=0, initial=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn = np.where(variance > floor, means / np.sqrt(variance), np.sign(means) * np.inf)
        drawn[np.abs(means) <= floor] = 0.0
        return np.stack([_of_all(*pair, resampling.seed) for pair in zip(several, drawn.T, strict=True)])


def _of_all(found: Estimate, drawn: Array, seed: int) -> Array:
    """Draws with those of the sources beside the dialogues."""
    if not found.others:
        return drawn
    rng, moved = np.random.default_rng([seed, 1]), found.dialogue_error * drawn
    for part in found.others:
        moved = moved + part.draw(rng, len(moved))
    return np.asarray(moved / found.standard_error, dtype=np.float64)


def mean_interval(
    statistics: Sequence[Statistic], resampling: Resampling, bounds: Bounds = UNBOUNDED
) -> tuple[float, float] | None:
    """Interval of the mean over training seeds; see `infer` and, of corrected values, `squared_intervals`."""
    found = estimate(statistics)
    if statistics[0].corrected:
        plug_in = float(np.mean([statistic.plug_in for statistic in statistics]))
        return squared_intervals([found], [plug_in], resampling, bounds)[0]
    return infer(found, resampling, bounds).ci


def squared_intervals(
    several: Sequence[Estimate], plug_ins: Sequence[float], resampling: Resampling, bounds: Bounds
) -> list[tuple[float, float] | None]:
    """Intervals of squared distances whose bias, the plug-in less the value, was taken off.

    The variance of an estimated squared distance falls with the distance: of d it is the variance at the
    plug-in times (d + bias / 2) / plug-in. An interval holds every d from which the value is no further
    than its own standard error times t (a score interval), so that it is right at a distance of 0 too.
    """
    drawn = draws_of_t(several, resampling)
    return [
        None
        if _inference(found, own, resampling.confidence, bounds, False).ci is None or plug_in <= 0
        else _squared(found, plug_in, _tails(own, resampling.confidence, False), bounds)
        for found, plug_in, own in zip(several, plug_ins, drawn, strict=True)
    ]


def _squared(
    found: Estimate, plug_in: float, tails: tuple[float, float], bounds: Bounds
) -> tuple[float, float]:
    ends = []
    for sign, t in zip((1, -1), tails, strict=True):
        half = t**2 * found.standard_error**2 / (2 * plug_in)
        inside = half**2 + half * (found.value + plug_in)
        ends.append(found.value + half + sign * max(0.0, inside) ** 0.5)
    return _within(ends[1], bounds), _within(ends[0], bounds)


def two_sided(t: float, drawn: Array, difference: bool = False) -> float:
    """Share of draws at or beyond `t`, itself counted: of both signs, or twice that of the smaller tail."""
    if difference:
        return float((1 + (np.abs(drawn) >= abs(t)).sum()) / (1 + len(drawn)))
    beyond = min((drawn >= t).sum(), (drawn <= t).sum())
    return min(1.0, float(2 * (1 + beyond) / (1 + len(drawn))))


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
