"""The type of a response, and files of responses: one JSON object per line, all checked when read."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from eva.artifacts import numbered_lines
from eva.data.dialogue import LEVELS, NO_LEVEL, SupporterTurn, quartile
from eva.data.thoughts import part_thoughts
from eva.errors import InputError, raise_if
from eva.plain_text import parse_json

_REQUIRED = {"dialogue_id": str, "turn": int, "n_turns": int, "history": list, "response": str}
_OPTIONAL = ("reference", "raw", "finish", "marked")
FINISHES = ("stop", "length", "filtered")
_TYPE_WORDS = {str: "text", int: "a whole number", list: "a list of messages"}
_LISTED = 100  # problems shown per file; a file of another format has one on every line


@dataclass(frozen=True, slots=True)
class Response:
    """The response of a system or a human for one supporter turn, given the human dialogue before it.

    `turn` of `n_turns` counts the supporter's turns of the whole dialogue from 1. `reference` is
    what the human supporter said there and `reference_level` its weak level, if known. `raw` is the
    whole generated text where only a part of it is the response (chain of thought). `finish` is how a
    generated one ended: `stop` by itself, `length` cut off, `filtered` withheld by a server. `marked`
    says of an answer that was to think first whether it did, and named its response. `line` is where
    it stood in its file.
    """

    dialogue_id: str
    turn: int
    n_turns: int
    history: tuple[Mapping[str, str], ...]
    response: str
    reference: str | None = None
    slices: Mapping[str, str] = field(default_factory=dict)
    reference_level: int | None = None
    raw: str | None = None
    finish: str | None = None
    marked: bool | None = None
    line: int = field(default=0, compare=False)

    @property
    def key(self) -> tuple[str, int]:
        """(dialogue id, turn): equal for the responses of all systems to the same turn."""
        return self.dialogue_id, self.turn

    @property
    def quartile(self) -> int:
        return quartile(self.turn, self.n_turns)

    @classmethod
    def at(
        cls,
        turn: SupporterTurn,
        response: str,
        raw: str | None = None,
        finish: str | None = None,
        marked: bool | None = None,
    ) -> "Response":
        """A response for `turn`, with what the human supporter said as its reference."""
        return cls(
            dialogue_id=turn.dialogue.id,
            turn=turn.ordinal,
            n_turns=turn.n_turns,
            history=turn.history,
            response=response,
            reference=turn.gold.content,
            slices=dict(turn.dialogue.slices),
            reference_level=turn.gold.weak_level,
            raw=raw,
            finish=finish,
            marked=marked,
        )

    def to_dict(self) -> dict[str, Any]:
        """Its line of a file; without `reference`, `raw`, `finish` and `marked` where there is none."""
        row = {**asdict(self), "history": [dict(message) for message in self.history]}
        del row["line"]
        return {name: value for name, value in row.items() if value is not None or name not in _OPTIONAL}

    @classmethod
    def from_dict(cls, row: Mapping[str, Any], line: int = 0) -> "Response":
        """A response from a row that was checked, or that `to_dict` made."""
        return cls(
            dialogue_id=row["dialogue_id"],
            turn=row["turn"],
            n_turns=row["n_turns"],
            history=tuple(row["history"]),
            response=row["response"],
            reference=row.get("reference") or None,
            slices={axis: str(value) for axis, value in (row.get("slices") or {}).items()},
            reference_level=row.get("reference_level"),
            raw=row.get("raw"),
            finish=row.get("finish"),
            marked=row.get("marked"),
            line=line,
        )


def read_responses(path: Path, *, allow_empty: bool = False) -> list[Response]:
    """All rows of a responses file, thoughts cut out; one `InputError` lists every problem with its line.

    `allow_empty` accepts empty responses, which a model may give and which then count as a
    response of no words and no level.
    """
    rows, problems = [], []
    for number, line in numbered_lines(path):
        row, found = _parse(number, line, allow_empty)
        problems += [(number, text) for text in found]
        if row is not None:
            rows.append(row)
    problems += list(_conflicts(rows))
    if not rows and not problems:
        raise InputError(f"{path}: no rows; write one JSON object per line, one for each supporter turn")
    texts = [f"line {number}: {text}" for number, text in sorted(problems)]
    raise_if(_at_most(texts), str(path))
    return rows


def check_same_turns(
    ours: Iterable[tuple[str, int]], theirs: Iterable[tuple[str, int]], names: tuple[str, str]
) -> None:
    """Raise `InputError` if two systems, given by their responses' keys, did not respond to the same turns.

    `names` are used in the message.
    """
    left, right = set(ours), set(theirs)
    problems = [_absent(key, *names) for key in sorted(left - right)]
    problems += [_absent(key, *reversed(names)) for key in sorted(right - left)]
    if problems:
        problems.append("the comparison is paired by turn: keep only the turns that both files have")
    raise_if(_at_most(problems), f"{names[0]} and {names[1]} do not cover the same turns")


def _absent(key: tuple[str, int], present: str, absent: str) -> str:
    return f"dialogue {key[0]!r} turn {key[1]} is in {present} and not in {absent}"


def _parse(number: int, line: str, allow_empty: bool) -> tuple[Response | None, list[str]]:
    try:
        raw = parse_json(line)
    except InputError as error:
        return None, [str(error)]
    if not isinstance(raw, dict):
        return None, [f"expected an object, got {type(raw).__name__}"]
    if problems := list(_wrong_types(raw)):
        return None, problems
    row = _without_thoughts(Response.from_dict(raw, number))
    problems = list(_wrong_values(raw, allow_empty)) or list(_nothing_said(row, allow_empty))
    return (None, problems) if problems else (row, [])


def _without_thoughts(row: Response) -> Response:
    """The row with the thoughts cut out of its response, as generation cuts them; `raw` keeps all."""
    parted = part_thoughts(row.response)
    if not parted.thoughts and not parted.unfinished:
        return row
    finish = "length" if parted.unfinished else row.finish
    return replace(row, response=parted.answer, raw=row.raw or row.response, finish=finish)


def _wrong_types(raw: Mapping[str, Any]) -> Iterator[str]:
    for name, kind in _REQUIRED.items():
        if name not in raw:
            yield f"`{name}` is missing"
        elif not isinstance(raw[name], kind) or isinstance(raw[name], bool):
            yield f"`{name}` is {raw[name]!r}, expected {_TYPE_WORDS[kind]}"
    for name in ("reference", "raw"):
        if not isinstance(raw.get(name), str | None):
            yield f"`{name}` is {raw[name]!r}, expected text"
    if not isinstance(raw.get("slices"), dict | None):
        yield f"`slices` is {raw['slices']!r}, expected an object of names and values"
    if raw.get("finish") not in (None, *FINISHES):
        yield f"`finish` is {raw['finish']!r}, expected {', '.join(FINISHES)}, or null"
    if not isinstance(raw.get("marked"), bool | None):
        yield f"`marked` is {raw['marked']!r}, expected true, false or null"
    if raw.get("reference_level") not in (None, NO_LEVEL, *LEVELS):
        yield f"`reference_level` is {raw['reference_level']!r}, expected 1 to 4, 0 for none, or null"


def _wrong_values(raw: Mapping[str, Any], allow_empty: bool) -> Iterator[str]:
    if not raw["dialogue_id"]:
        yield "`dialogue_id` is empty"
    if raw["turn"] < 1:
        yield f"`turn` is {raw['turn']}; turns count from 1"
    if raw["turn"] > raw["n_turns"]:
        yield f"`turn` {raw['turn']} is greater than `n_turns` {raw['n_turns']}"
    if not allow_empty and not raw["response"].strip():
        yield "`response` is empty; add the text, or remove this turn from every compared file"
    faults = list(_wrong_history(raw["history"]))
    yield from faults or _wrong_place(raw)


def _nothing_said(row: Response, allow_empty: bool) -> Iterator[str]:
    if not allow_empty and not row.response:
        yield (
            "`response` is a thought and nothing else; leave the turn out of every compared file, answer it, "
            "or count it as empty (--allow-empty)"
        )


def _wrong_history(history: Sequence[Any]) -> Iterator[str]:
    bad = [i for i, message in enumerate(history, start=1) if not _is_message(message)]
    if bad:
        yield (
            f"`history` message {bad[0]} is {history[bad[0] - 1]!r}; "
            'expected {"role": "user" or "assistant", "content": text}'
        )
    elif not history or history[-1]["role"] != "user":
        yield "`history` does not end with a message of the user: there is nothing to respond to"


def _wrong_place(raw: Mapping[str, Any]) -> Iterator[str]:
    """A turn that comes after more supporter turns than it counts; its history may hold fewer."""
    speakers = [role for role, _ in groupby(message["role"] for message in raw["history"])]
    before = speakers.count("assistant")
    if before >= raw["turn"]:
        yield (
            f"`turn` is {raw['turn']} of {raw['n_turns']}, but its `history` already holds {before} turns of "
            "the supporter; turns count from the dialogue's first"
        )


def _is_message(message: Any) -> bool:
    return (
        isinstance(message, dict)
        and message.get("role") in ("user", "assistant")
        and isinstance(message.get("content"), str)
    )


def _conflicts(rows: Iterable[Response]) -> Iterator[tuple[int, str]]:
    """Rows that contradict an earlier row of the same dialogue."""
    first: dict[tuple[str, int], int] = {}
    length: dict[str, Response] = {}
    for row in rows:
        earlier = first.setdefault(row.key, row.line)
        if earlier != row.line:
            yield row.line, f"dialogue {row.dialogue_id!r} turn {row.turn} was already on line {earlier}"
        begun = length.setdefault(row.dialogue_id, row)
        if begun.n_turns != row.n_turns:
            was = f"{begun.n_turns} on line {begun.line}"
            yield row.line, f"`n_turns` of dialogue {row.dialogue_id!r} is {row.n_turns} here but {was}"


def _at_most(problems: Sequence[str]) -> list[str]:
    more = len(problems) - _LISTED
    return [*problems[:_LISTED], *([f"… and {more} more"] if more > 0 else [])]
