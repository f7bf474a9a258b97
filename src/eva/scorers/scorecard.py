"""The scorecard of a scorer: accuracy, F1 and calibration on rows that it was not trained on."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Probabilities = NDArray[np.float64]
Labels = NDArray[np.int64]

_BINS = 10


@dataclass(frozen=True)
class ClassScore:
    """Results of one class; a ratio with denominator 0 is 0. `support` counts its true rows."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int
    predicted: int


@dataclass(frozen=True)
class ReliabilityBin:
    """Rows whose top probability lies in (low, high]: their mean probability and their accuracy."""

    low: float
    high: float
    n: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Calibration:
    """`ece`: gap between confidence and accuracy, averaged over the bins by rows.

    `brier`: squared distance between the probabilities and the true label, summed over the classes
    and averaged over the rows (0 to 2).
    """

    ece: float
    brier: float
    bins: tuple[ReliabilityBin, ...]


@dataclass(frozen=True)
class Scorecard:
    """Results of one scorer on `n` held-out rows.

    `evidence` says how rows were held out. `confusion[i][j]` counts rows of class i labelled j.
    `majority_accuracy` is the accuracy of always predicting the most frequent class. `notes` describe how
    the data were cleaned and weighted.
    """

    evidence: str
    n: int
    labels: tuple[str, ...]
    accuracy: float
    macro_f1: float
    majority_accuracy: float
    classes: tuple[ClassScore, ...]
    confusion: tuple[tuple[int, ...], ...]
    calibration: Calibration
    seeds: tuple[int, ...]
    fold_accuracy: tuple[float, ...] = ()
    notes: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def headline(self) -> dict[str, float]:
        """The few numbers that a metrics file shows."""
        return {
            "accuracy": self.accuracy,
            "macro_f1": self.macro_f1,
            "majority_accuracy": self.majority_accuracy,
            "ece": self.calibration.ece,
            "brier": self.calibration.brier,
            "n": self.n,
            **{f"f1/{one.label}": one.f1 for one in self.classes},
        }

    def confusion_rows(self) -> list[dict[str, str]]:
        """One {actual, predicted} per row scored, for DVC's `confusion` template."""
        return [
            {"actual": self.labels[i], "predicted": self.labels[j]}
            for i, line in enumerate(self.confusion)
            for j, count in enumerate(line)
            for _ in range(count)
        ]


def scorecard(
    probabilities: Probabilities,
    truth: Sequence[int] | Labels,
    labels: Sequence[str],
    *,
    evidence: str,
    seeds: Sequence[int],
    fold: Labels | None = None,
    notes: Mapping[str, Any] | None = None,
) -> Scorecard:
    """Score `probabilities` [n, labels] against `truth` (0 to labels - 1); `fold` is each row's fold."""
    from sklearn.metrics import confusion_matrix

    actual = np.asarray(truth, dtype=np.int64)
    predicted = probabilities.argmax(axis=1)
    confusion = confusion_matrix(actual, predicted, labels=range(len(labels)))
    classes = _class_scores(actual, predicted, labels)
    seen = [one.f1 for one in classes if one.support or one.predicted]
    correct = actual == predicted
    return Scorecard(
        evidence=evidence,
        n=len(actual),
        labels=tuple(labels),
        accuracy=float(correct.mean()),
        macro_f1=float(np.mean(seen)),
        majority_accuracy=float(confusion.sum(axis=1).max() / len(actual)),
        classes=classes,
        confusion=tuple(tuple(line) for line in confusion.tolist()),
        calibration=calibration(probabilities, actual),
        seeds=tuple(seeds),
        fold_accuracy=() if fold is None else _by_fold(correct, fold),
        notes=dict(notes or {}),
    )


def calibration(probabilities: Probabilities, actual: Labels, bins: int = _BINS) -> Calibration:
    """Reliability of the top probability over `bins` equal bins, and the Brier score."""
    confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == actual
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    table = tuple(_bin(number, bins, confidence, correct, place == number) for number in range(bins))
    truth = np.eye(probabilities.shape[1])[actual]
    return Calibration(
        ece=sum(one.n * abs(one.confidence - one.accuracy) for one in table) / len(actual),
        brier=float(((probabilities - truth) ** 2).sum(axis=1).mean()),
        bins=table,
    )


def _bin(
    number: int, bins: int, confidence: Probabilities, correct: NDArray[np.bool_], inside: NDArray[np.bool_]
) -> ReliabilityBin:
    n = int(inside.sum())
    mean, right = (float(confidence[inside].mean()), float(correct[inside].mean())) if n else (0.0, 0.0)
    return ReliabilityBin(number / bins, (number + 1) / bins, n, mean, right)


def _class_scores(actual: Labels, predicted: Labels, labels: Sequence[str]) -> tuple[ClassScore, ...]:
    from sklearn.metrics import precision_recall_fscore_support

    precision, recall, f1, support = precision_recall_fscore_support(
        actual, predicted, labels=range(len(labels)), zero_division=0.0
    )
    counts = np.bincount(predicted, minlength=len(labels))
    return tuple(
        ClassScore(name, float(precision[i]), float(recall[i]), float(f1[i]), int(support[i]), int(counts[i]))
        for i, name in enumerate(labels)
    )


def _by_fold(correct: NDArray[np.bool_], fold: Labels) -> tuple[float, ...]:
    return tuple(float(correct[fold == number].mean()) for number in sorted(set(fold.tolist())))
