"""Intervals: what they hold, and what they leave out."""

import numpy as np
import pytest

from eva.statistics.bootstrap import Resampling, interval, mean_interval
from eva.statistics.contrast import contrast
from eva.statistics.estimators import Statistic
from eva.statistics.verdicts import Verdict, verdict


def test_an_interval_holds_its_value_and_stays_within_bounds() -> None:
    drawn = np.linspace(-4, 4, 101)
    assert interval(9.0, drawn, 0.9) == pytest.approx((-3.6, 9.0))
    assert interval(1.0, drawn, 0.9, (0, 2)) == (0, 2)
    assert interval(1.0, drawn, 0.9, (0, None)) == pytest.approx((0, 3.6))


def test_resamples_in_which_nothing_is_defined_do_not_count() -> None:
    assert interval(1.0, np.array([1.0, np.nan, 3.0]), 0.5) == pytest.approx((1.0, 2.5))
    assert interval(1.0, np.array([np.nan]), 0.5) is None


def test_a_ratio_without_a_base_has_no_value() -> None:
    nothing = Statistic(np.zeros((3, 2)), n=0)
    assert np.isnan(nothing.value)
    assert mean_interval([nothing], Resampling(50, 0.95, 0)) is None
    found = contrast([nothing], [nothing], Resampling(50, 0.95, 0))
    assert (found.ci, found.p_value, found.effect_size, found.within_noise) == (None, None, None, None)


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
