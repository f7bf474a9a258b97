"""What the reward margins of held-out pairs say, with intervals: pairs of one dialogue may be alike."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from eva.statistics.bootstrap import Bounds, Resampling, infer
from eva.statistics.estimators import Statistic
from eva.statistics.proportions import korn_graubard
from eva.statistics.spread import estimate

if TYPE_CHECKING:
    from transformers import EvalPrediction

MEASURES: Mapping[str, Bounds] = {"pair_loss": (0.0, None), "margin": (None, None), "accuracy": (0.0, 1.0)}
LOW, HIGH = "_low", "_high"  # after a measure's name: the ends of its interval
_RESAMPLING = Resampling(resamples=10000, confidence=0.95, seed=0)

Array = NDArray[np.float64]


def held_out(dialogues: Sequence[str]) -> "Callable[[EvalPrediction], dict[str, float]]":
    """A function for the trainer's `compute_metrics`; `dialogues` are those of the pairs, in order."""
    return lambda prediction: measures(prediction.predictions.astype(np.float64), dialogues)


def measures(margins: Array, dialogues: Sequence[str]) -> dict[str, float]:
    """Mean loss, margin and accuracy (ties count half), and where there is an interval its ends."""
    values = {
        "pair_loss": np.logaddexp(0.0, -margins),
        "margin": margins,
        "accuracy": 0.5 * (np.sign(margins) + 1),
    }
    found = {name: float(own.mean()) for name, own in values.items()}
    for name, own in values.items():
        ends = _interval(name, own, dialogues)
        found |= {} if ends is None else {f"{name}{LOW}": ends[0], f"{name}{HIGH}": ends[1]}
    return found


def _interval(name: str, values: Array, dialogues: Sequence[str]) -> tuple[float, float] | None:
    """95 %: by Korn and Graubard for the share, by resampling dialogues for means; None if too few."""
    if name == "accuracy":
        return korn_graubard(values.tolist(), dialogues, _RESAMPLING.confidence)
    names, place = np.unique(np.array(dialogues), return_inverse=True)
    sums = np.stack([np.bincount(place, weights=values), np.bincount(place)], axis=1).astype(np.float64)
    found = estimate([Statistic(sums, n=len(names))])
    return infer(found, _RESAMPLING, MEASURES[name]).ci
