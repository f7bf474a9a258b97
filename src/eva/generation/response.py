"""One generated response, as a row of `responses/<item>.jsonl`."""

import json
import logging
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from eva.artifacts import numbered_lines, write_jsonl

log = logging.getLogger(__name__)


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
            row = json.loads(line)
        except json.JSONDecodeError:
            return
        yield Response.from_dict(row)
