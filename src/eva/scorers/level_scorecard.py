"""A level classifier's scorecard: accuracy, F1, errors by distance of levels, agreement by quartile."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from eva.data.dialogue import LEVELS, NO_LEVEL
from eva.scorers.level_timing import Timing
from eva.scorers.scorecard import Labels, Probabilities, Scorecard, scorecard

LEVEL_LABELS = ("none", *(str(level) for level in LEVELS))


@dataclass(frozen=True)
class Distances:
    """Distance between predicted and true levels, over the `n` rows where both are one of the four levels.

    Shares of these rows: `exact`, one level off (`adjacent`), two or three off (`distant`): the
    paper's limitation 5. `missed` is the share of rows with a level that were labelled `none`.
    """

    n: int
    exact: float
    adjacent: float
    distant: float
    missed: float


@dataclass(frozen=True)
class QuartileAgreement:
    """Accuracy and Cohen's kappa on the turns of one quartile; kappa is 0 if only one label occurs."""

    quartile: int
    n: int
    accuracy: float
    kappa: float


@dataclass(frozen=True)
class LevelEvidence:
    """Results on one set of held-out turns.

    `five` includes the class `none`; `four` covers only turns with a level, with the most probable of the
    four levels as prediction (the paper's task, Appendix F). `quartiles` is empty if the turns have no
    position.
    """

    five: Scorecard
    four: Scorecard
    distances: Distances
    quartiles: tuple[QuartileAgreement, ...]

    def headline(self) -> dict[str, float]:
        """The few numbers that a metrics file shows."""
        four = self.four.headline()
        return {
            **self.five.headline(),
            **{f"four/{name}": four[name] for name in ("accuracy", "macro_f1", "majority_accuracy", "n")},
            "four/adjacent": self.distances.adjacent,
            "four/distant": self.distances.distant,
        }


@dataclass(frozen=True)
class LevelScorecard:
    """Results by cross-validation, and results of the final model on the test split if it has labels.

    `test`: utterances of the test dialogues that systems are scored on; `test_all`: also those of the test
    dialogues that `prepare` dropped. `test_turns`: whole turns of the former, as EVAEval labels them, with
    the last level in the turn as truth; `timing` is measured on these turns.
    """

    cross_validated: LevelEvidence
    test: LevelEvidence | None
    test_all: LevelEvidence | None
    test_turns: LevelEvidence | None
    timing: Timing | None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def headline(self) -> dict[str, float]:
        """The main numbers of cross-validation; the others have the name of their set as prefix."""
        tested = {"test": self.test, "test_all": self.test_all, "test_turns": self.test_turns}
        return {
            **self.cross_validated.headline(),
            **{
                f"{where}/{name}": value
                for where, evidence in tested.items()
                if evidence is not None
                for name, value in evidence.headline().items()
            },
            **({"timing/from_context": self.timing.from_context} if self.timing else {}),
        }

    def confusion_rows(self) -> list[dict[str, str]]:
        """One {actual, predicted} per cross-validated row, over the five classes."""
        return self.cross_validated.five.confusion_rows()


def level_evidence(
    probabilities: Probabilities,
    truth: Sequence[int],
    quartiles: Sequence[int | None],
    *,
    evidence: str,
    seed: int,
    fold: Labels | None = None,
    notes: dict[str, Any] | None = None,
) -> LevelEvidence:
    """Score probabilities [n, 5] (`none` first) against the true levels 0 to 4."""
    actual = np.asarray(truth, dtype=np.int64)
    levelled = actual != NO_LEVEL
    restricted = probabilities[levelled][:, 1:]
    # If all four levels of a turn have probability 0, any of them may be predicted.
    shares = (restricted + 1e-12) / (restricted + 1e-12).sum(axis=1, keepdims=True)
    return LevelEvidence(
        five=scorecard(
            probabilities, actual, LEVEL_LABELS, evidence=evidence, seeds=[seed], fold=fold, notes=notes
        ),
        four=scorecard(shares, actual[levelled] - 1, LEVEL_LABELS[1:], evidence=evidence, seeds=[seed]),
        distances=_distances(actual, probabilities.argmax(axis=1)),
        quartiles=_agreement(actual, probabilities.argmax(axis=1), quartiles),
    )


def _distances(actual: Labels, predicted: Labels) -> Distances:
    levelled = actual != NO_LEVEL
    both = levelled & (predicted != NO_LEVEL)
    gap = np.abs(actual - predicted)[both]
    n = max(1, len(gap))
    return Distances(
        n=len(gap),
        exact=float((gap == 0).sum() / n),
        adjacent=float((gap == 1).sum() / n),
        distant=float((gap >= 2).sum() / n),
        missed=float((levelled & ~both).sum() / max(1, levelled.sum())),
    )


def _agreement(
    actual: Labels, predicted: Labels, quartiles: Sequence[int | None]
) -> tuple[QuartileAgreement, ...]:
    found = sorted({one for one in quartiles if one is not None})
    rows = []
    for number in found:
        inside = np.array([one == number for one in quartiles])
        ours, theirs = actual[inside], predicted[inside]
        right = float((ours == theirs).mean())
        rows.append(QuartileAgreement(number, len(ours), right, _kappa(ours, theirs)))
    return tuple(rows)


def _kappa(first: Labels, second: Labels) -> float:
    from sklearn.metrics import cohen_kappa_score

    if len(np.union1d(first, second)) < 2:  # with a single label, chance agreement is 1
        return 0.0
    return float(cohen_kappa_score(first, second))
