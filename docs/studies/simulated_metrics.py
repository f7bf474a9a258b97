"""Simulated metrics of two systems on the same dialogues, for the coverage study."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from eva.statistics.estimators import Array, Statistic, linearised

VOCABULARY = 4000

Draw = Callable[[np.random.Generator, int, float], tuple[Array, Array]]  # sums of theirs and of ours


@dataclass(frozen=True)
class Kind:
    """A simulated metric: sums over dialogues of both systems, ours moved by `effect`."""

    name: str
    draw: Draw
    effect: float
    estimator: str = "ratio"


def _turns(rng: np.random.Generator, n: int) -> Array:
    return 2.0 + rng.poisson(6, n)


def _per_turn(turns: Array, values: Callable[[int, Array], Array]) -> Array:
    """Sums over each dialogue of one value a turn: `values` takes their number and the dialogue of each."""
    owners = np.repeat(np.arange(len(turns)), turns.astype(int))
    sums = np.bincount(owners, weights=values(len(owners), owners), minlength=len(turns))
    return np.stack([sums, turns], axis=1)


def skewed(rng: np.random.Generator, n: int, effect: float) -> tuple[Array, Array]:
    """Lengths in words: lognormal within and between dialogues."""
    turns, shared = _turns(rng, n), rng.normal(0, 0.3, n)
    return tuple(  # type: ignore[return-value]
        _per_turn(turns, lambda k, d, own=own: 20 * (1 + own) * np.exp(shared[d] + rng.normal(0, 0.6, k)))
        for own in (0.0, effect)
    )


def mostly_zero(rng: np.random.Generator, n: int, effect: float) -> tuple[Array, Array]:
    """Sentence BLEU-2: one response in eight shares a bigram."""
    turns, shared = _turns(rng, n), rng.gamma(2, 0.5, n)
    return tuple(  # type: ignore[return-value]
        _per_turn(
            turns,
            lambda k, d, own=own: (rng.random(k) < 0.125 * shared[d]) * rng.gamma(2, 8 * (1 + own), k),
        )
        for own in (0.0, effect)
    )


def degrees(rng: np.random.Generator, n: int, effect: float) -> tuple[Array, Array]:
    """EPITOME's degrees 0, 1, 2, mostly 0."""
    turns, shared = _turns(rng, n), rng.beta(2, 8, n)
    return tuple(  # type: ignore[return-value]
        _per_turn(
            turns,
            lambda k, d, own=own: (rng.random(k) < shared[d] + own) * (1.0 + (rng.random(k) < 0.7)),
        )
        for own in (0.0, effect)
    )


def share(mean: float) -> Draw:
    """Share of responses of a type, whose tendency differs from dialogue to dialogue."""

    def draw(rng: np.random.Generator, n: int, effect: float) -> tuple[Array, Array]:
        turns, shared = _turns(rng, n), rng.beta(5 * mean, 5 * (1 - mean), n)
        return tuple(  # type: ignore[return-value]
            np.stack([100 * rng.binomial(turns.astype(int), np.minimum(1, shared + own)), turns], axis=1)
            for own in (0.0, effect)
        )

    return draw


def corpus_bleu(rng: np.random.Generator, n: int, effect: float) -> tuple[Array, Array]:
    """Counts of corpus BLEU-2: matched and all unigrams and bigrams, tokens of response and reference."""
    turns, shared = _turns(rng, n), rng.beta(4, 16, n)
    found = []
    for own in (0.0, effect):
        owners = np.repeat(np.arange(n), turns.astype(int))
        words, gold = 4 + rng.poisson(12, len(owners)), 4 + rng.poisson(14, len(owners))
        ones = rng.binomial(words, np.minimum(1, shared[owners] + own))
        twos = rng.binomial(np.minimum(ones, words - 1), 0.25)
        columns = np.stack([ones, words, twos, words - 1, words, gold], axis=1).astype(np.float64)
        sums = np.zeros((n, 6))
        np.add.at(sums, owners, columns)
        found.append(sums)
    return found[0], found[1]


KINDS = (
    Kind("mean, skewed (words)", skewed, 0.15),
    Kind("mean, mostly 0 (sentence BLEU-2)", mostly_zero, 0.4),
    Kind("mean degree, 0 to 2", degrees, 0.08),
    Kind("share, 30 %", share(0.3), 0.1),
    Kind("share, 5 %", share(0.05), 0.05),
    Kind("corpus BLEU-2", corpus_bleu, 0.05, "bleu_2"),
)


def bigrams(rng: np.random.Generator, n: int, spread: float) -> Statistic:
    """Dist-2 of n dialogues whose bigrams come from a Zipf law and, one in three, from their own topic."""
    size = 20 + rng.poisson(20, n)
    owners = np.repeat(np.arange(n), size)
    ranks = (VOCABULARY ** rng.random(len(owners)) ** spread).astype(np.int64)
    topic = rng.random(len(owners)) < 1 / 3
    codes = np.where(
        topic, VOCABULARY + 200 * (owners * 7919 % 997) + rng.integers(0, 200, len(owners)), ranks
    )
    pairs = np.unique(codes * n + owners)
    held = np.unique(pairs // n, return_counts=True)[1]
    own = np.bincount((pairs % n)[np.repeat(held == 1, held)], minlength=n)
    without = 100 * (len(held) - own) / (len(owners) - size)
    return linearised(100 * len(held) / len(owners), without, len(owners))
