"""Sensitivity and false-alarm rate of a detector on labelled messages."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from eva.safety.detector import Detector
from eva.safety.labelled_messages import KINDS, PARTS, Kind, Labelled, Part
from eva.statistics.proportions import clopper_pearson

ORDINARY = "ordinary"  # beside the parts: conversations that nobody has labelled
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Judged:
    """A message and whether the detector flagged it."""

    message: Labelled
    flagged: bool

    @property
    def right(self) -> bool:
        return self.flagged == self.message.refer


@dataclass(frozen=True)
class Share:
    """The proportion `hits` of `n`; as text with its exact 95 % (Clopper-Pearson) interval."""

    hits: int
    n: int

    @property
    def interval(self) -> tuple[float, float]:
        return clopper_pearson(self.hits, self.n, _CONFIDENCE)

    def __str__(self) -> str:
        if not self.n:
            return "none"
        low, high = self.interval
        return f"{self.hits}/{self.n} = {self.hits / self.n:.2f} [{low:.2f}, {high:.2f}]"

    def to_dict(self) -> dict[str, Any]:
        return {"hits": self.hits, "n": self.n, "interval": list(self.interval)}


def judge(detector: Detector, messages: Sequence[Labelled]) -> list[Judged]:
    """The detector's result for every message, each as a conversation of its own."""
    found = detector.find_each([[message.text] for message in messages])
    return [Judged(message, one is not None) for message, one in zip(messages, found, strict=True)]


def flagged(judged: Sequence[Judged], *, part: Part, refer: bool) -> Share:
    """The sensitivity in a part (with `refer`), or its false-alarm rate (without)."""
    kept = [one for one in judged if one.message.part == part and one.message.refer == refer]
    return Share(sum(one.flagged for one in kept), len(kept))


def measured(judged: Sequence[Judged]) -> dict[str, dict[str, Any]]:
    """Sensitivity and false alarms of each part, with counts and intervals, as plain data."""
    return {
        part: {
            "sensitivity": flagged(judged, part=part, refer=True).to_dict(),
            "false_alarms": flagged(judged, part=part, refer=False).to_dict(),
        }
        for part in PARTS
    }


def table(judged: Sequence[Judged]) -> str:
    """Markdown tables: sensitivity and false alarms of each part, then flagged messages of each kind."""
    return "\n".join([*_rates(judged), "", *_by_kind(judged)])


def _rates(judged: Sequence[Judged]) -> Iterator[str]:
    yield "| messages | sensitivity: referred of those that must be | false alarms: referred of the rest |"
    yield "|---|---|---|"
    for part in PARTS:
        found, alarms = (flagged(judged, part=part, refer=refer) for refer in (True, False))
        yield f"| {part} | {found} | {alarms} |"


def _by_kind(judged: Sequence[Judged]) -> Iterator[str]:
    yield f"| kind | must be referred | {' | '.join(PARTS)} |"
    yield "|---|---|---|---|---|"
    for kind in KINDS:
        own = [one for one in judged if one.message.kind == kind]
        if own:
            yield f"| {kind} | {'yes' if own[0].message.refer else 'no'} | {' | '.join(_counts(own, kind))} |"


def _counts(judged: Sequence[Judged], kind: Kind) -> Iterator[str]:
    for part in PARTS:
        kept = [one.flagged for one in judged if one.message.part == part and one.message.kind == kind]
        yield f"{sum(kept)}/{len(kept)}"
