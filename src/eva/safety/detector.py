"""The interface of a detector, which reads a person's messages and reports those about danger."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Topic = Literal["suicide", "self_harm", "violence", "emergency", "danger"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a model must not reply in a conversation: the topic, and the rule that matched.

    The topic is `danger` from a detector that does not tell the kinds of danger apart.
    """

    topic: Topic
    rule: str


class Detector(Protocol):
    """Reads the person's own messages of one conversation, oldest first.

    A finding holds for the rest of the conversation, also when later messages are harmless.
    """

    @property
    def name(self) -> str:
        """The name of the detector in results."""

    def find(self, said: Sequence[str]) -> Finding | None:
        """The first reason why a model must not reply, or None."""

    def find_each(self, conversations: Sequence[Sequence[str]]) -> list[Finding | None]:
        """As `find`, of several conversations at once, which is faster for a detector with a model."""


class Either:
    """A finding of any of several detectors counts; those that come first are asked first."""

    name = "either"

    def __init__(self, *detectors: Detector) -> None:
        self._detectors = detectors

    def find(self, said: Sequence[str]) -> Finding | None:
        return next((found for one in self._detectors if (found := one.find(said)) is not None), None)

    def find_each(self, conversations: Sequence[Sequence[str]]) -> list[Finding | None]:
        by_detector = zip(*(one.find_each(conversations) for one in self._detectors), strict=True)
        return [next((found for found in all_found if found), None) for all_found in by_detector]
