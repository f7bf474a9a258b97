"""The scorers' scorecards for the page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Card:
    """One scorer on one set of held-out rows; see `eva.scorers.scorecard.Scorecard`.

    `beats_majority`: its accuracy is above that of always predicting the most frequent class.
    """

    name: str
    evidence: str
    n: int
    accuracy: float
    majority_accuracy: float
    macro_f1: float
    ece: float
    labels: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]

    @property
    def beats_majority(self) -> bool:
        return self.accuracy > self.majority_accuracy


def cards(scorecards: Mapping[str, Mapping[str, Any]]) -> list[Card]:
    """The cards of all scorers: one per set of held-out rows; for the level classifier, also one per task."""
    return [card for name, raw in scorecards.items() for card in _cards(name, raw)]


def _cards(name: str, raw: Mapping[str, Any]) -> Sequence[Card]:
    sets = ("cross_validated", "test", "test_all", "test_turns")
    found = [raw[one] for one in sets if raw.get(one) is not None]
    if "five" not in raw["cross_validated"]:
        return [_card(name, evidence) for evidence in found]
    return [
        _card(f"{name}, {task}", evidence[key])
        for evidence in found
        for key, task in (("five", "with none"), ("four", "four levels"))
    ]


def _card(name: str, raw: Mapping[str, Any]) -> Card:
    return Card(
        name=name,
        evidence=raw["evidence"],
        n=raw["n"],
        accuracy=raw["accuracy"],
        majority_accuracy=raw["majority_accuracy"],
        macro_f1=raw["macro_f1"],
        ece=raw["calibration"]["ece"],
        labels=tuple(raw["labels"]),
        confusion=tuple(tuple(row) for row in raw["confusion"]),
    )
