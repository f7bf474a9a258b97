"""The interface of a detector, which reads a person's messages and reports those about danger."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Topic = Literal["suicide", "self_harm", "violence", "emergency"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a model must not reply in a conversation: the topic, and the rule that matched."""

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
