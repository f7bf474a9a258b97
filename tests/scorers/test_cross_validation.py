"""Nothing that a model saw is among what it predicts."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from eva.errors import InputError
from eva.scorers.cross_validation import assign_folds, cross_validate

GROUPS = [f"g{i // 4}" for i in range(40)]
LABELS = [i % 3 for i in range(40)]


class _Recorder:
    """Stands for a Fitter: remembers which rows trained each model, and which it then labelled."""

    n_labels = 3

    def __init__(self, folds: int) -> None:
        self.settings = SimpleNamespace(folds=folds, seed=0)
        self.seen: list[set[int]] = []
        self.labelled: list[set[int]] = []

    def fit(self, labels: Any, indices: list[int], title: str) -> int:
        self.seen.append(set(indices))
        return len(self.seen)

    def probabilities(self, classifier: int, indices: list[int]) -> Any:
        self.labelled.append(set(indices))
        return np.full((len(indices), 3), classifier)


def test_no_group_is_on_both_sides() -> None:
    fitter = _Recorder(5)
    validation = cross_validate(fitter, LABELS, GROUPS, "x")  # type: ignore[arg-type]
    for seen, labelled in zip(fitter.seen, fitter.labelled, strict=True):
        assert not {GROUPS[i] for i in seen} & {GROUPS[i] for i in labelled}
        assert seen | labelled == set(range(40))
    assert sorted(i for one in fitter.labelled for i in one) == list(range(40))
    np.testing.assert_array_equal(validation.probabilities[:, 0], validation.fold + 1)


def test_rows_without_a_label_train_nothing_and_are_labelled() -> None:
    fitter = _Recorder(3)
    labels = [*LABELS, None, None]
    cross_validate(fitter, labels, [*GROUPS, "g0", "unseen"], "x")  # type: ignore[arg-type]
    assert not any(seen & {40, 41} for seen in fitter.seen)
    owner = next(number for number, one in enumerate(fitter.labelled) if 40 in one)
    assert 0 in fitter.labelled[owner]  # row 40 is labelled by the model that did not see g0
    assert any(41 in one for one in fitter.labelled)


def test_folds_keep_the_class_shares() -> None:
    fold = assign_folds(LABELS, [str(i) for i in range(40)], 4, 0)
    for number in range(4):
        counts = np.bincount(np.array(LABELS)[fold == number], minlength=3)
        assert counts.max() - counts.min() <= 2


def test_too_few_groups() -> None:
    with pytest.raises(InputError, match="at least 3 labelled groups"):
        assign_folds([0, 1, 0, 1], ["a", "a", "b", "b"], 3, 0)
