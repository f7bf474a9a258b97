"""One generated response, as a row of `responses/<item>.jsonl`."""

import hashlib
import json
import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from eva.artifacts import numbered_lines, write_jsonl
from eva.data.dialogue import Dialogue
from eva.errors import InputError
from eva.models.prompts import extract_response
from eva.plain_text import parse_json

log = logging.getLogger(__name__)

# Where something is to be said: dialogue, number of the supporter's turn from 1, index of the turn.
Place = tuple[Dialogue, int, int]


@dataclass(frozen=True, slots=True)
class Response:
    """What a policy says at supporter turn `turn` of `n_turns`, given the gold history before it.

    `raw` is the whole generated text where only a part of it is the response (chain of thought).
    """

    dialogue_id: str
    turn: int
    n_turns: int
    history: tuple[dict[str, str], ...]
    response: str
    reference: str
    slices: dict[str, str] = field(default_factory=dict)
    reference_level: int | None = None
    raw: str | None = None

    @property
    def key(self) -> tuple[str, int]:
        return self.dialogue_id, self.turn

    def to_dict(self) -> dict[str, Any]:
        row = asdict(self)
        if self.raw is None:
            del row["raw"]
        return row

    @classmethod
    def from_dict(cls, row: dict[str, Any]) -> "Response":
        return cls(**{**row, "history": tuple(row["history"])})


def places(dialogues: Iterable[Dialogue]) -> list[Place]:
    """Every supporter turn, in order."""
    return [(one, turn, index) for one in dialogues for turn, index, _ in one.supporter_turns()]


def response_at(place: Place, raw: str, prompt: str) -> Response:
    """The row of an answer `raw`; of a chain of thought only the text after its mark is the response."""
    dialogue, turn, index = place
    gold, raw = dialogue.turns[index], raw.strip()
    return Response(
        dialogue_id=dialogue.id,
        turn=turn,
        n_turns=dialogue.n_supporter_turns,
        history=tuple(dialogue.messages(index)),
        response=extract_response(raw).response if prompt == "cot" else raw,
        reference=gold.content,
        slices=dict(dialogue.slices),
        reference_level=gold.weak_level,
        raw=raw if prompt == "cot" else None,
    )


def response_seed(seed: int, dialogue_id: str, turn: int) -> int:
    """A seed of the response's own."""
    name = f"{seed}:{dialogue_id}:{turn}"
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:7])


def count(responses: Sequence[Response]) -> dict[str, float]:
    """How many responses there are, how many are empty, and their mean length in words."""
    words = [len(response.response.split()) for response in responses]
    mean = sum(words) / len(words) if words else 0.0
    return {"responses": len(words), "words": round(mean, 2), "empty": words.count(0)}


def report_odd(responses: Sequence[Response], prompt: str) -> None:
    """Say how many responses are empty, or lack the mark that a chain of thought should set."""
    empty = sum(not response.response for response in responses)
    if empty:
        log.warning("%d of %d responses are empty", empty, len(responses))
    if prompt == "cot":
        unmarked = sum(not extract_response(response.raw or "").marked for response in responses)
        log.info("%d of %d answers have no `Response:`; their whole text counts", unmarked, len(responses))


class Partial:
    """Responses on disk as they come, so that an interrupted generation goes on where it was.

    The file belongs to one run: its name should carry a fingerprint of model, prompt and settings.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.done = {response.key: response for response in _complete_rows(path)}
        if self.done:
            log.info("%d responses are already in %s", len(self.done), path.name)
            # Without the half line that an interruption may have left at the end.
            write_jsonl(path, (response.to_dict() for response in self.done.values()))

    def add(self, responses: Iterable[Response]) -> None:
        """Append responses and force them to the disk."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            for response in responses:
                file.write(json.dumps(response.to_dict(), ensure_ascii=False) + "\n")
                self.done[response.key] = response
            file.flush()
            os.fsync(file.fileno())


def _complete_rows(path: Path) -> Iterable[Response]:
    """Rows up to the first that was cut off while it was written."""
    if not path.is_file():
        return
    for _, line in numbered_lines(path):
        try:
            row = parse_json(line)
        except InputError:
            return
        yield Response.from_dict(row)
