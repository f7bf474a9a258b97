"""Two training seeds: drawn with the dialogues, paired only with themselves."""

from dataclasses import replace

import numpy as np
import pytest

from eva.data.responses import Response
from eva.metrics.families.overlap import rouge_l
from eva.metrics.score import ScoreResult, score
from eva.report.comparison import group
from eva.report.runs import Runs
from eva.settings.evaluate_section import Evaluate
from eva.statistics.bootstrap import Resampling
from eva.statistics.contrast import contrast
from eva.statistics.spread import difference

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


def by_dialogue(result: ScoreResult) -> np.ndarray:
    """Mean ROUGE-L of each dialogue, computed response by response."""
    return np.array(
        [
            np.mean(
                [100 * rouge_l(row.response, GOLD) for row in result.sample.rows if row.dialogue_id == name]
            )
            for name in "abcdef"
        ]
    )


def test_intervals_and_p_of_two_seeds_are_those_of_dialogues_and_seeds() -> None:
    found, results = runs({"base": (1, 2), "eva": (1, 2)})
    row = next(row for row in group(found, "base").rows if row.variant == "eva").cells[METRIC]
    means = {variant: np.stack([by_dialogue(one) for one in own]) for variant, own in results.items()}
    gaps = means["eva"] - means["base"]  # seeds x dialogues
    dialogues = gaps.mean(axis=0).var(ddof=1) / 6
    apart = gaps - gaps.mean(axis=0) - gaps.mean(axis=1, keepdims=True) + gaps.mean()
    seeds = max(0.0, gaps.mean(axis=1).var(ddof=1) / 2 - (apart**2).sum() / (1 * 5 * 2 * 6))
    sides = [[one.measured.statistics[METRIC] for one in results[v]] for v in ("eva", "base")]
    assert difference(*sides).standard_error == pytest.approx((dialogues + seeds) ** 0.5)
    expected = contrast(*sides, Resampling.of(SETTINGS), bounds=(0, 100))
    assert (row.difference_ci, row.p_value) == (expected.ci, expected.p_value)
    assert row.effect_size == pytest.approx(gaps.mean() / gaps.mean(axis=0).std(ddof=1))


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
