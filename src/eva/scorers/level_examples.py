"""Supporter utterances with validation levels: from a corpus's strategies, or from a level file.

The classifier is trained and tested on single utterances, which have one label each. It is then applied to
whole turns, because a system's response is a whole turn.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eva.artifacts import numbered_lines
from eva.data.dialogue import LEVELS, NO_LEVEL, Dialogue, SupporterTurn, quartile, supporter_turns
from eva.errors import InputError, raise_if
from eva.plain_text import parse_json
from eva.scorers.encoding import Text

_LISTED = 50  # most problems in a message; a file in another format has one on every line


@dataclass(frozen=True, slots=True)
class LevelExample:
    """An utterance, or a whole turn (`whole`); `level` is None if it has no label.

    `turn` is the number, from 1 to `n_turns`, of the supporter turn; it is 0 if it is not known.
    """

    dialogue_id: str
    text: Text
    level: int | None
    turn: int = 0
    n_turns: int = 0
    whole: bool = True

    @property
    def quartile(self) -> int | None:
        return quartile(self.turn, self.n_turns) if self.turn else None


def text_of(context: Sequence[str], response: str, context_turns: int) -> Text:
    """The input of a scorer: the last `context_turns` turns before the response, and the response."""
    if context_turns == 0:
        return response
    return " ".join(context[-context_turns:]), response


def from_turns(dialogues: Sequence[Dialogue], context_turns: int) -> list[LevelExample]:
    """Every supporter turn, with the weak level of its strategies (ADR 11)."""
    return [
        LevelExample(
            turn.dialogue.id,
            text_of(_before(turn), turn.gold.content, context_turns),
            turn.gold.weak_level,
            turn.ordinal,
            turn.n_turns,
        )
        for turn in supporter_turns(dialogues)
    ]


def from_utterances(dialogues: Sequence[Dialogue], context_turns: int) -> list[LevelExample]:
    """Every labelled supporter utterance with its weak level and the number of its turn."""
    return [one for turn in supporter_turns(dialogues) for one in _utterances(turn, context_turns)]


def _utterances(turn: SupporterTurn, context_turns: int) -> Iterator[LevelExample]:
    before = _before(turn)
    earlier: list[str] = []  # earlier utterances of the same turn: context, but not a turn of its own
    for utterance, level in turn.gold.labelled():
        context = [" ".join([*before[-context_turns:], *earlier])]
        text = text_of(context, utterance, min(context_turns, 1))
        whole = not turn.gold.parts
        yield LevelExample(turn.dialogue.id, text, level, turn.ordinal, turn.n_turns, whole=whole)
        earlier.append(utterance)


def _before(turn: SupporterTurn) -> list[str]:
    """The texts of all turns before `turn`."""
    return [said.content for said in turn.dialogue.turns[: turn.index]]


def read_level_file(path: Path, context_turns: int) -> list[LevelExample]:
    """Rows {text, level, context?, dialogue_id?} of a JSON-lines file.

    `level` is 1 to 4, or 0 for none. Rows of one `dialogue_id` are in the same fold; a row without one is
    its own group. One `InputError` lists all problems with their lines.
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
    raise_if(problems, path, _LISTED)
    if not examples:
        raise InputError(f"{path}: no rows; one JSON object per line: text, level, context, dialogue_id")
    return examples


def _parse(line: str) -> tuple[dict[str, Any] | None, list[str]]:
    try:
        row = parse_json(line)
    except InputError as error:
        return None, [str(error)]
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
