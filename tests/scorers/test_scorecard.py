"""Figures against sklearn, and against hand-computed cases."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from eva.scorers.level_scorecard import level_evidence
from eva.scorers.scorecard import calibration, scorecard

NAMES = ("0", "1", "2")


def _one_hot(predicted: list[int], n: int) -> np.ndarray:
    return np.eye(n)[predicted]


def test_macro_f1_is_over_the_classes_that_occur() -> None:
    rng = np.random.default_rng(0)
    probabilities, truth = rng.dirichlet(np.ones(3), 300), rng.integers(0, 3, 300)
    card = scorecard(probabilities, truth, NAMES, evidence="x", seeds=[0])
    assert card.macro_f1 == pytest.approx(f1_score(truth, probabilities.argmax(axis=1), average="macro"))


def test_hand_computed() -> None:
    card = scorecard(_one_hot([0, 0, 0, 1], 3), [0, 0, 1, 1], NAMES, evidence="x", seeds=[0],
                     fold=np.array([0, 0, 1, 1]))  # fmt: skip
    assert card.accuracy == 0.75
    assert card.majority_accuracy == 0.5
    assert card.confusion == ((2, 0, 0), (1, 1, 0), (0, 0, 0))
    assert card.macro_f1 == pytest.approx((0.8 + 2 / 3) / 2)  # class 2 neither occurs nor is predicted
    assert [(c.precision, c.recall, c.support, c.predicted) for c in card.classes] == [
        (pytest.approx(2 / 3), 1.0, 2, 3), (1.0, 0.5, 2, 1), (0.0, 0.0, 0, 0),
    ]  # fmt: skip
    assert card.fold_accuracy == (1.0, 0.5)
    assert card.headline()["f1/0"] == pytest.approx(0.8)
    assert card.confusion_rows().count({"actual": "1", "predicted": "0"}) == 1
    assert len(card.confusion_rows()) == 4


def test_calibration_by_hand() -> None:
    probabilities = np.array([[0.95, 0.05], [0.92, 0.08], [0.65, 0.35], [0.4, 0.6]])
    found = calibration(probabilities, np.array([0, 1, 0, 0]))
    # Three bins are used: (.9, 1] holds .95 right and .92 wrong, (.6, .7] .65 right, (.5, .6] .6 wrong.
    assert found.ece == pytest.approx((2 * abs(0.935 - 0.5) + abs(0.65 - 1) + abs(0.6 - 0)) / 4)
    assert found.brier == pytest.approx(2 * (0.05**2 + 0.92**2 + 0.35**2 + 0.6**2) / 4)
    assert [one.n for one in found.bins] == [0, 0, 0, 0, 0, 1, 1, 0, 0, 2]


def test_how_far_levels_are_off() -> None:
    truth, predicted = [1, 1, 1, 2, 0, 4], [1, 2, 4, 0, 3, 4]
    found = level_evidence(_one_hot(predicted, 5), truth, [1, 1, 2, 2, 3, 4], evidence="x", seed=0)
    assert (found.distances.n, found.distances.exact) == (4, 0.5)  # 1-1, 1-2, 1-4, 4-4
    assert (found.distances.adjacent, found.distances.distant) == (0.25, 0.25)
    assert found.distances.missed == pytest.approx(1 / 5)
    assert [(one.quartile, one.n, one.accuracy) for one in found.quartiles] == [
        (1, 2, 0.5), (2, 2, 0.0), (3, 1, 0.0), (4, 1, 1.0),
    ]  # fmt: skip


def test_kappa_by_quartile() -> None:
    truth, predicted = [1, 1, 2, 2, 3, 3], [1, 2, 2, 2, 3, 3]
    found = level_evidence(_one_hot(predicted, 5), truth, [1, 1, 1, 1, 2, 2], evidence="x", seed=0)
    # Quartile 1: agreement 3/4, by chance (2*1 + 2*3) / 16. Quartile 2: one class only, chance is 1.
    assert [one.kappa for one in found.quartiles] == [pytest.approx((0.75 - 0.5) / 0.5), 0.0]


def test_four_levels_leave_the_class_none_out() -> None:
    probabilities = np.array([[0.6, 0.3, 0.1, 0, 0], [0.1, 0.2, 0.7, 0, 0], [0.9, 0.1, 0, 0, 0]])
    found = level_evidence(probabilities, [1, 1, 0], [None] * 3, evidence="x", seed=0)
    assert found.five.accuracy == pytest.approx(1 / 3)
    assert (found.four.n, found.four.accuracy) == (2, 0.5)  # the first turn's best of the four is right
    assert found.quartiles == ()
