"""The level of validation and the type of a reply, by the scorers that the evaluation uses."""

from collections.abc import Sequence
from typing import Any

from eva.data.dialogue import LEVEL_NAMES
from eva.data.responses import Response
from eva.metrics.families.response_types import response_type
from eva.metrics.type_phrases import TYPE_NAMES
from eva.safety.guard import Message
from eva.scorers.trained import Scorers


class ReplyLabels:
    """Labels by phrase lists, and with `scorers`, whose classifier loads when it is first used, by level."""

    def __init__(self, scorers: Scorers | None) -> None:
        self._scorers = scorers

    def of(self, history: Sequence[Message], text: str) -> dict[str, Any]:
        """`level` (0: none, None: no classifier) and its name; `response_type` and its name."""
        kind = response_type(text)
        level = self._level(history, text)
        return {
            "level": level,
            "level_name": LEVEL_NAMES.get(level, "no level") if level is not None else None,
            "response_type": kind,
            "type_name": TYPE_NAMES[kind],
        }

    def _level(self, history: Sequence[Message], text: str) -> int | None:
        if self._scorers is None or not text.strip():
            return None
        turn = sum(message["role"] == "assistant" for message in history) + 1
        row = Response("chat", turn, turn, tuple(history), text)
        return self._scorers.labels("level", [row])[0]
