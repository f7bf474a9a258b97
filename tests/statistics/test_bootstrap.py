"""Intervals and p-values: what they hold, what they leave out, and that they stay at their level."""

from itertools import product

import numpy as np
import pytest

from eva.metrics.formulas import all_distances
from eva.scorers.reference import profile
from eva.statistics.bootstrap import Inference, Resampling, draw_weights, infer, mean_interval
from eva.statistics.contrast import contrast
from eva.statistics.estimators import Statistic, influence_of, named
from eva.statistics.holm import holm
from eva.statistics.spread import Estimate, difference, estimate
from eva.statistics.verdicts import Verdict, verdict

RESAMPLING = Resampling(999, 0.95, 3)


def mean_of(values: np.ndarray) -> Statistic:
    return Statistic(np.stack([values, np.ones(len(values))], axis=1), n=len(values))


def test_interval_and_p_are_those_of_a_studentised_bootstrap_spelt_out() -> None:
    values = np.random.default_rng(0).gamma(1, size=15)
    error, drawn = values.std(ddof=1) / 15**0.5, []
    for times in draw_weights(15, 999, 3):
        again = np.repeat(values, times)
        drawn.append((again.mean() - values.mean()) / (again.std(ddof=1) / 15**0.5))
    drawn.sort()
    found = infer(estimate([mean_of(values)]), RESAMPLING)
    expected = (values.mean() - error * drawn[-25], values.mean() - error * drawn[24])
    assert found.ci == pytest.approx(expected)
    beyond = sum(one >= values.mean() / error for one in drawn)
    assert found.p_value == pytest.approx(2 * (1 + beyond) / 1000)


def test_an_interval_stays_within_bounds_and_agrees_with_its_p() -> None:
    values = np.random.default_rng(1).normal(0.1, 1, 30)
    assert mean_interval([mean_of(values)], RESAMPLING, (0, 0.2)) == (0, 0.2)
    for shift, paired in product(np.linspace(-0.8, 0.8, 33), (True, False)):
        found = infer(estimate([mean_of(values + shift)]), RESAMPLING, difference=paired)
        assert found.ci is not None and found.p_value is not None
        assert (found.p_value < 0.05) == (not found.ci[0] <= 0 <= found.ci[1])


def test_no_interval_where_none_would_hold() -> None:
    rare = np.zeros(40)
    rare[:2] = 1  # one resample in eight has neither
    alike = np.full(9, 3.0)
    for values in (rare, alike, np.array([4.0])):
        assert infer(estimate([mean_of(values)]), RESAMPLING) == Inference(None, None)
    of_difference = infer(estimate([mean_of(alike)]), RESAMPLING, difference=True)
    assert of_difference == Inference((3.0, 3.0), 2.0**-8)
    assert infer(estimate([mean_of(1 - rare)]), RESAMPLING, difference=True).p_value == 1 / 1000
    undefined = Statistic(np.zeros((3, 2)), n=0)
    assert np.isnan(undefined.value)
    found = contrast([undefined], [undefined], RESAMPLING)
    assert (found.ci, found.p_value, found.effect_size) == (None, None, None)


def test_the_jackknife_is_that_of_leaving_out_spelt_out() -> None:
    """Both samples' bias and influence of a corrected EVAEval, dialogue by dialogue."""
    rng = np.random.default_rng(2)
    counts = [rng.multinomial(9, np.full(16, 1 / 16), size=n).reshape(-1, 4, 4) for n in (13, 17)]
    ours, v = (one.reshape(-1, 16).astype(float) for one in counts)
    name = "evaeval_sum/avg"

    def distance(system: np.ndarray, reference: np.ndarray) -> float:
        totals = [profile(one).sum(axis=0)[None] for one in (system, reference)]
        return float(all_distances(*totals)[name][0])

    found = Statistic(ours, n=1, estimator=named(name), second=v, corrected=True)
    whole = distance(*counts)
    left = [[distance(np.delete(counts[0], i, axis=0), counts[1]) for i in range(13)],
            [distance(counts[0], np.delete(counts[1], i, axis=0)) for i in range(17)]]  # fmt: skip
    bias = sum((len(one) - 1) * (np.mean(one) - whole) for one in left)
    assert found.plug_in == pytest.approx(whole, abs=1e-12)
    assert found.value == pytest.approx(whole - bias, abs=1e-12)
    variance = sum((len(one) - 1) / len(one) * ((np.array(one) - np.mean(one)) ** 2).sum() for one in left)
    assert estimate([found]).standard_error == pytest.approx(variance**0.5, abs=1e-12)


def test_v_s_error_counts_once_in_a_difference() -> None:
    """Two systems of equal timing are measured against one V: its error falls out of their difference."""
    rng = np.random.default_rng(3)
    ours, v = (rng.multinomial(9, np.full(16, 1 / 16), size=n).astype(float) for n in (13, 17))
    one = Statistic(ours, n=1, estimator=named("evaeval_joint"), second=v, corrected=True)
    assert [part.variance for part in difference([one], [one]).others] == [0]
    assert estimate([one]).others[0].variance > 0


def test_seeds_add_what_dialogues_do_not_explain() -> None:
    dialogues = np.random.default_rng(4).normal(size=50)
    alike = [mean_of(dialogues + shift) for shift in (0.0, 1.0, 5.0)]
    (part,) = estimate(alike).others
    assert part.variance == pytest.approx(np.var([0, 1, 5], ddof=1) / 3)
    assert difference(alike, alike).others[0].variance == 0, "paired by seed"
    apart = difference(alike, alike, same_seeds=False)
    assert [one.variance for one in apart.others] == pytest.approx([part.variance] * 2)
    noise = np.random.default_rng(5).normal(size=(3, 4000))  # runs that differ by chance only
    (none,) = estimate([mean_of(dialogues.repeat(80) + one) for one in noise]).others
    assert none.variance < none.shared


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.6]) == [1, 1]
    assert holm([]) == []


@pytest.mark.parametrize(("n", "skewed"), [(20, False), (20, True), (60, True)])
def test_the_level_holds(n: int, skewed: bool) -> None:
    """400 null comparisons and as many intervals; the table over all statistics is in docs/studies."""
    alarms = missed = 0
    for trial in range(400):
        rng = np.random.default_rng([n, skewed, trial])
        ours, theirs = rng.gamma(1, size=(2, n)) if skewed else rng.normal(1, 1, size=(2, n))
        resampling = Resampling(499, 0.95, trial % 3)
        found = contrast([mean_of(ours)], [mean_of(theirs)], resampling)
        alarms += found.p_value is not None and found.p_value < 0.05
        low, high = mean_interval([mean_of(ours)], resampling) or (0.0, 0.0)
        missed += not low <= 1 <= high
    assert 8 <= alarms <= 33, "5 % and three standard errors"
    assert 8 <= missed <= 36


def test_influences_sum_to_nothing() -> None:
    found = Estimate(0.0, influence_of(np.array([1.0, 2.0, 6.0])))
    assert found.influence.tolist() == [4, 2, -6]


@pytest.mark.parametrize(
    ("difference", "within", "upwards", "expected"),
    [
        (1, False, True, Verdict.BETTER),
        (1, False, False, Verdict.WORSE),
        (-1, False, False, Verdict.BETTER),
        (-1, False, None, Verdict.CHANGED),
        (1, True, True, Verdict.NOISE),
        (1, None, True, None),
    ],
)
def test_verdicts(
    difference: float, within: bool | None, upwards: bool | None, expected: Verdict | None
) -> None:
    assert verdict(difference, within_noise=within, higher_is_better=upwards) is expected
