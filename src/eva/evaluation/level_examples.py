"""Supporter turns with their levels: from a corpus's strategies, or from a level file."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eva.artifacts import numbered_lines
from eva.data.dialogue import LEVELS, NO_LEVEL, Dialogue, quartile
from eva.errors import InputError, raise_if
from eva.training.encoding import Text

_LISTED = 50  # a file of another format has a problem on every line


@dataclass(frozen=True, slots=True)
class LevelExample:
    """One utterance; `level` is None if nobody labelled it, `turn` 0 if its place is not known."""

    dialogue_id: str
    text: Text
    level: int | None
    turn: int = 0
    n_turns: int = 0

    @property
    def quartile(self) -> int | None:
        return quartile(self.turn, self.n_turns) if self.turn else None


def text_of(context: Sequence[str], response: str, context_turns: int) -> Text:
    """What the level classifier reads: the last `context_turns` turns before the response, and it."""
    if context_turns == 0:
        return response
    return " ".join(context[-context_turns:]), response


def from_dialogues(dialogues: Sequence[Dialogue], context_turns: int) -> list[LevelExample]:
    """Every supporter turn, with the weak level of its strategies (design decision 7)."""
    return [example for dialogue in dialogues for example in _turns(dialogue, context_turns)]


def _turns(dialogue: Dialogue, context_turns: int) -> Iterator[LevelExample]:
    said = [turn.content for turn in dialogue.turns]
    for ordinal, index, turn in dialogue.supporter_turns():
        text = text_of(said[:index], turn.content, context_turns)
        yield LevelExample(dialogue.id, text, turn.weak_level, ordinal, dialogue.n_supporter_turns)


def read_level_file(path: Path, context_turns: int) -> list[LevelExample]:
    """Rows {text, level, context?, dialogue_id?} of a JSON-lines file.

    `level` is 1 to 4, or 0 for none. Rows of one `dialogue_id` stay in one fold; a row without is
    alone. One `InputError` lists every problem with its line.
    """
    examples: list[LevelExample] = []
    problems: list[str] = []
    for number, line in numbered_lines(path):
        row, found = _parse(line)
        problems += [f"line {number}: {problem}" for problem in found]
        if row is not None and not found:
            group = row.get("dialogue_id") or f"line {number}"
            text = text_of([row.get("context") or ""], row["text"], context_turns)
            examples.append(LevelExample(group, text, row["level"]))
    more = len(problems) - _LISTED
    raise_if([*problems[:_LISTED], *([f"… and {more} more"] if more > 0 else [])], str(path))
    if not examples:
        raise InputError(f"{path}: no rows; write one JSON object a line: text, level, context, dialogue_id")
    return examples


def _parse(line: str) -> tuple[dict[str, Any] | None, list[str]]:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        return None, [f"not JSON ({error.msg} at column {error.colno})"]
    if not isinstance(row, dict):
        return None, [f"expected an object, got {type(row).__name__}"]
    return row, list(_wrong(row))


def _wrong(row: dict[str, Any]) -> Iterator[str]:
    if not isinstance(row.get("text"), str) or not row["text"].strip():
        yield f"`text` is {row.get('text')!r}, expected the utterance"
    if isinstance(row.get("level"), bool) or row.get("level") not in (NO_LEVEL, *LEVELS):
        yield f"`level` is {row.get('level')!r}, expected 1 to 4, or 0 for none"
    for name in ("context", "dialogue_id"):
        if not isinstance(row.get(name), str | None):
            yield f"`{name}` is {row[name]!r}, expected text"
