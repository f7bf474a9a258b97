"""Ordinary support: what the seekers of a prepared corpus wrote, and how much of it a detector refers."""

from collections.abc import Sequence
from pathlib import Path

from eva.data.dialogue import Dialogue, subset
from eva.data.prepare import read_split
from eva.safety.detector import Detector
from eva.safety.measurement import Share

_FITTED, _MEASURED = 120, 40  # dialogues; more change the probe little (docs/safety.md)


def to_fit(prepared: Path) -> list[list[str]]:
    """The seeker's messages of dialogues for training and validation, by dialogue."""
    return _seekers(prepared, ("train", "valid"), _FITTED)


def to_measure(prepared: Path) -> list[list[str]]:
    """The same of test dialogues."""
    return _seekers(prepared, ("test",), _MEASURED)


def referred(detector: Detector, conversations: Sequence[Sequence[str]]) -> Share:
    """The share of whole conversations that end in a referral."""
    found = detector.find_each(conversations)
    return Share(sum(one is not None for one in found), len(found))


def _seekers(prepared: Path, splits: Sequence[str], most: int) -> list[list[str]]:
    dialogues = [dialogue for split in splits for dialogue in read_split(prepared, split)]
    return [said_by_seeker(dialogue) for dialogue in subset(dialogues, most)]


def said_by_seeker(dialogue: Dialogue) -> list[str]:
    """The seeker's messages, in order."""
    return [turn.content for turn in dialogue.turns if turn.role == "user"]
