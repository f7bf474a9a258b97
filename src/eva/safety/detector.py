"""What a detector of danger is: anything that reads a person's messages and says what it found."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Topic = Literal["suicide", "self_harm", "violence", "emergency"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a conversation must not be answered by a model; `rule` names what the detector went by."""

    topic: Topic
    rule: str


class Detector(Protocol):
    """Reads the person's own messages of one conversation, oldest first.

    A finding stands for the rest of the conversation: what was said once is not unsaid by small talk.
    """

    @property
    def name(self) -> str:
        """Says in results which detector it was."""

    def find(self, said: Sequence[str]) -> Finding | None:
        """The first reason not to answer, or None."""
