"""Two training seeds: drawn with the dialogues, paired only with themselves."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from eva.data.responses import Response
from eva.metrics.families.overlap import rouge_l
from eva.metrics.score import ScoreResult, score
from eva.report.comparison import group
from eva.report.runs import Runs
from eva.settings.evaluate_section import Evaluate
from eva.statistics.bootstrap import Resampling, draw_weights

SETTINGS = Evaluate(metrics=["length"], bootstrap=300, confidence=0.9, ngram=2, seed=5)
METRIC = "overlap/rouge_l"
GOLD = "one two three four five six"
ASKED = ({"role": "user", "content": "Hello?"},)


def run(seed: int, shared: float) -> ScoreResult:
    """Six dialogues of three turns that share about `shared` of six words with the reference."""
    rng = np.random.default_rng(seed)
    rows = []
    for name in "abcdef":
        for turn in (1, 2, 3):
            kept = [word for word in GOLD.split() if rng.random() < shared]
            rows.append(Response(name, turn, 3, ASKED, " ".join(["so", *kept]), GOLD))
    return score(rows, [METRIC, "repetition"], settings=SETTINGS)


def runs(seeds: dict[str, tuple[int, ...]]) -> tuple[Runs, dict[str, list[ScoreResult]]]:
    shares = {"base": 0.3, "eva": 0.7}
    results = {v: [run(hash_of(v, s), shares[v] + s / 20) for s in own] for v, own in seeds.items()}
    measured = {variant: [one.measured for one in found] for variant, found in results.items()}
    about = measured["base"][0].about
    return Runs("toy", "tiny", Resampling.of(SETTINGS), seeds, measured, about, {}), results


def hash_of(variant: str, seed: int) -> int:
    return 100 * len(variant) + seed


def by_hand(results: Sequence[ScoreResult], weights: np.ndarray, seeds: np.ndarray) -> list[float]:
    """Every resample spelt out: each drawn seed's drawn dialogues, responses averaged, seeds averaged."""
    values = []
    for drawn, times in zip(weights, seeds, strict=True):
        means = []
        for result, count in zip(results, times, strict=True):
            scores = []
            for name, copies in zip("abcdef", drawn, strict=True):
                own = [row for row in result.sample.rows if row.dialogue_id == name]
                scores += [100 * rouge_l(row.response, GOLD) for row in own] * int(copies)
            means += [np.mean(scores)] * int(count)
        values.append(float(np.mean(means)))
    return values


def draws(n_seeds: int) -> tuple[np.ndarray, np.ndarray]:
    weights = draw_weights(6, 300, 5)
    rng = np.random.default_rng(6)
    return weights, rng.multinomial(n_seeds, np.full(n_seeds, 1 / n_seeds), size=300)


def test_intervals_and_p_of_two_seeds_are_those_of_a_resampling_spelt_out() -> None:
    found, results = runs({"base": (1, 2), "eva": (1, 2)})
    row = next(row for row in group(found, "base").rows if row.variant == "eva").cells[METRIC]
    weights, seeds = draws(2)
    ours = by_hand(results["eva"], weights, seeds)
    theirs = by_hand(results["base"], weights, seeds)
    assert row.ci == pytest.approx(tuple(np.quantile(ours, [0.05, 0.95])))
    gaps = np.array(ours) - np.array(theirs)
    assert row.difference_ci == pytest.approx(tuple(np.quantile(gaps, [0.05, 0.95])))
    beyond = min((gaps <= 0).sum(), (gaps >= 0).sum())
    assert row.p_value == pytest.approx(max(2 * (1 + beyond) / 301, 1 / 32))
    assert row.effect_size == pytest.approx(row.difference / (gaps.std() * 6**0.5))


def test_other_seeds_are_not_paired() -> None:
    same, _ = runs({"base": (1, 2), "eva": (1, 2)})
    other, _ = runs({"base": (1, 3), "eva": (1, 2)})
    assert same.share_seeds("eva", "base") and not other.share_seeds("eva", "base")
    matched = replace(other, seeds=same.seeds)  # the same results, said to share seeds
    apart, together = (
        next(row for row in group(one, "base").rows if row.variant == "eva").cells[METRIC].difference_ci
        for one in (other, matched)
    )
    assert apart != together
