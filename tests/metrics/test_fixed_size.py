"""Dist-2 at a fixed number of bigrams: the exact mean over draws, whatever the size of the corpus."""

import random
from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest

from eva.data.responses import Response
from eva.metrics.families.diversity import SIZE, count, expected_distinct
from eva.metrics.sample import Sample
from eva.metrics.score import score
from eva.settings.evaluate_section import Evaluate

Rows = Callable[..., list[Response]]
NAME = f"diversity/dist_2_{SIZE}"


def talk(n: int, length: int, seed: int = 0) -> dict[str, list[str]]:
    """`n` dialogues of four responses, words by Zipf's law."""
    draw = random.Random(seed)
    words = [f"w{i}" for i in range(300)]
    weights = [1 / (i + 1) for i in range(300)]
    return {f"d{d}": [" ".join(draw.choices(words, weights, k=length)) for _ in range(4)] for d in range(n)}


def test_it_is_the_mean_over_all_draws() -> None:
    totals = np.array([1, 2, 3, 1])
    items = np.repeat(np.arange(4), totals)
    for size in range(1, 9):
        draws = [len(set(one)) for one in combinations(items.tolist(), min(size, 7))]
        assert expected_distinct(totals, size) == pytest.approx(np.mean(draws), abs=1e-12)


def test_large_counts_lose_no_digits() -> None:
    totals = np.array([40_000, 300, 2, *[1] * 5000])
    draws = np.random.default_rng(0).multivariate_hypergeometric(totals, SIZE, size=4000, method="marginals")
    mean = (draws > 0).sum(axis=1).mean()
    assert expected_distinct(totals, SIZE) == pytest.approx(mean, rel=0.01)
    assert expected_distinct(np.full(100_000, 1), SIZE) == pytest.approx(SIZE, rel=1e-12)


def test_size_and_length_do_not_move_it_as_they_move_dist_2(make_rows: Rows, settings: Evaluate) -> None:
    found = {
        (n, length): score(make_rows(talk(n, length)), ["diversity"], settings=settings).metrics
        for n, length in [(20, 10), (200, 10), (20, 100)]
    }
    fixed = {case: one[NAME].value for case, one in found.items()}
    plain = {case: one["diversity/dist_2"].value for case, one in found.items()}
    assert max(fixed.values()) - min(fixed.values()) < 2
    assert plain[20, 10] - plain[200, 10] > 20 and plain[20, 10] - plain[20, 100] > 20


def test_leaving_a_dialogue_out_is_what_counting_without_it_gives(
    make_rows: Rows, settings: Evaluate
) -> None:
    rows = make_rows(talk(12, 20))
    statistic = score(rows, [NAME], settings=settings).measured.statistics[NAME]
    influence = statistic.sums[:, 0]
    without = [
        100
        * expected_distinct(count(Sample(tuple(r for r in rows if r.dialogue_id != name)), 2).totals, SIZE)
        / SIZE
        for name in sorted({row.dialogue_id for row in rows})
    ]
    assert influence == pytest.approx(11 * (np.mean(without) - np.array(without)), abs=1e-9)


def test_too_few_bigrams_are_not_measured(make_rows: Rows, settings: Evaluate) -> None:
    """499 or less once a dialogue is left out: its interval would rest on another size."""
    for n, expected in ((13, False), (15, True)):  # 38 bigrams a dialogue
        rows = make_rows({name: [" ".join(texts)] for name, texts in talk(n, 10).items()})
        found = score(rows, [NAME], settings=settings).metrics[NAME]
        assert found.n == n * 39
        assert found.measured is expected
