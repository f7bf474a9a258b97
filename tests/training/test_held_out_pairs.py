"""The measures of held-out pairs, with intervals that know of dialogues."""

import numpy as np
import pytest

from eva.statistics.proportions import clopper_pearson
from eva.training.held_out_pairs import measures

MARGINS = np.array([0.5, 1.0, -0.25, 0.0, 0.75, 2.0, -1.0, 1.5])


def test_values_by_hand() -> None:
    found = measures(MARGINS, [f"d{n}" for n in range(8)])
    assert found["accuracy"] == pytest.approx(5.5 / 8), "a tie counts half"
    assert found["margin"] == pytest.approx(MARGINS.mean())
    assert found["pair_loss"] == pytest.approx(np.log1p(np.exp(-MARGINS)).mean())
    for name in ("accuracy", "margin", "pair_loss"):
        assert found[f"{name}_low"] < found[name] < found[f"{name}_high"]


def test_pairs_of_one_dialogue_are_not_independent() -> None:
    """Four dialogues with two pairs each that agree: the interval is wider."""
    margins = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, -1.0, -1.0])
    alone = measures(margins, [f"d{n}" for n in range(8)])
    together = measures(margins, [f"d{n // 2}" for n in range(8)])
    assert together["accuracy_low"] < alone["accuracy_low"] <= clopper_pearson(6, 8, 0.95)[0]
    assert together["accuracy_high"] >= alone["accuracy_high"]


def test_one_dialogue_has_no_interval_of_means() -> None:
    found = measures(np.array([1.0, 2.0]), ["a", "a"])
    assert "margin_low" not in found and (found["accuracy_low"], found["accuracy_high"]) == (0.0, 1.0)
