"""Reading of EVAD (the paper's alignment data, section 4.1.2), and matching it with ESConv.

The `ID` of a record is `<position in ESConv.json>_<turn>`; its history is the start of that dialogue.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eva.artifacts import read_json
from eva.data.dialogue import LEVELS, Dialogue, Role, Turn
from eva.data.utterances import Problems, Utterance, collapse, join
from eva.errors import InputError

SEEKER, SUPPORTER = "help-seeker", "supporter"
_ROLES: Mapping[str, Role] = {SEEKER: "user", SUPPORTER: "assistant"}
# `Source` of records that `eva.collection` made: ranked by people, or by a level classifier or a judge model.
AUTHORS_FILE, COLLECTED, MACHINE_MADE = "evad", "collected", ("sampled", "judged")
SOURCES = (
    AUTHORS_FILE,
    *(who + side for who in (COLLECTED, *MACHINE_MADE) for side in ("", ":human_chosen", ":human_rejected")),
)
_ID = re.compile(r"(\d+)_(\d+)")


@dataclass(frozen=True, slots=True)
class EvadRecord:
    """Two responses to one history; `history` are joined turns, and the last one is the user's.

    `source` is one of `SOURCES`: `evad` where the file does not say.
    """

    id: str
    position: int
    history: tuple[Turn, ...]
    chosen: str
    rejected: str
    chosen_level: int | None = None
    rejected_level: int | None = None
    source: str = AUTHORS_FILE

    @property
    def machine_made(self) -> bool:
        """Whether a machine said which response is the better one."""
        return self.source.partition(":")[0] in MACHINE_MADE


@dataclass(frozen=True, slots=True)
class EvadMatch:
    """A record and the dialogue that starts with its history.

    `dialogue` and `split` are None if there is no such dialogue. `turn` is the number of the supporter
    turn that the responses are for, from 1 to `n_turns`; both are 0 without a dialogue.
    """

    record: EvadRecord
    dialogue: Dialogue | None
    split: str | None
    turn: int
    n_turns: int


def load_evad(path: Path) -> list[EvadRecord]:
    """Read a file in EVAD's format; an `InputError` lists every faulty record."""
    rows = read_json(path)
    if not isinstance(rows, list) or not rows:
        raise InputError(f"{path}: should be a JSON list of records, with at least one")
    problems = Problems(path)
    records = [_record(row, number, problems) for number, row in enumerate(rows, start=1)]
    problems.refuse()
    return [record for record in records if record is not None]


def match_evad(records: Iterable[EvadRecord], splits: Mapping[str, list[Dialogue]]) -> list[EvadMatch]:
    """Find, for each record, the dialogue of `splits` that starts with its history.

    The dialogue at the record's position is tried first, then every other one (in a corpus read from the
    released split files, positions in ESConv.json are not known). Returns one match per record, in order.
    """
    placed = [(split, dialogue) for split, dialogues in splits.items() for dialogue in dialogues]
    by_position: dict[int, list[tuple[str, Dialogue]]] = {}
    for split, dialogue in placed:
        by_position.setdefault(dialogue.position, []).append((split, dialogue))
    return [_match(record, [*by_position.get(record.position, []), *placed]) for record in records]


def for_training(matches: Iterable[EvadMatch]) -> list[EvadMatch]:
    """The matches whose dialogue is in train or valid; test dialogues are never trained on (ADR 13)."""
    return [match for match in matches if match.split in {"train", "valid"}]


def _match(record: EvadRecord, candidates: list[tuple[str, Dialogue]]) -> EvadMatch:
    # `prepare` may have removed the first turn of a dialogue, if it was the supporter's; histories have it.
    leading = record.history[:1] and record.history[0].role == "assistant"
    histories = [record.history, record.history[1:]] if leading else [record.history]
    for split, dialogue in candidates:
        for history in histories:
            if begins_with(dialogue.turns, history):
                turn = 1 + sum(said.role == "assistant" for said in history)
                return EvadMatch(record, dialogue, split, turn, max(turn, dialogue.n_supporter_turns))
    return EvadMatch(record, None, None, 0, 0)


def begins_with(turns: tuple[Turn, ...], history: tuple[Turn, ...]) -> bool:
    """Whether `turns` start with `history`; the last turn of `history` may be only the start of a turn."""
    if not history or len(history) > len(turns):
        return False
    *before, last = history
    final = turns[len(before)]
    if final.role != last.role or not f"{final.content} ".startswith(f"{last.content} "):
        return False
    return all(
        (ours.role, ours.content) == (theirs.role, theirs.content)
        for ours, theirs in zip(turns, before, strict=False)
    )


def _record(row: Any, number: int, problems: Problems) -> EvadRecord | None:
    if not isinstance(row, dict):
        problems.add(f"record {number}", f"should be an object, not {type(row).__name__}")
        return None
    identity = str(row.get("ID", ""))
    where = f"record {number}" + (f" ({identity})" if identity else "")
    named = _ID.fullmatch(identity)
    if named is None:
        problems.add(where, f"`ID` {identity!r} is not <dialogue position>_<turn>")
    return EvadRecord(
        identity,
        int(named[1]) if named else -1,
        _history(row.get("History"), where, problems),
        _text(row, "Chosen", where, problems),
        _text(row, "Rejected", where, problems),
        _level(row, "ChosenLevel", where, problems),
        _level(row, "RejectedLevel", where, problems),
        _source(row.get("Source", AUTHORS_FILE), where, problems),
    )


def _source(value: Any, where: str, problems: Problems) -> str:
    if value not in SOURCES:
        problems.add(where, f"`Source` {value!r} is unknown; known: {', '.join(SOURCES)}")
    return str(value)


def _history(raw: Any, where: str, problems: Problems) -> tuple[Turn, ...]:
    if not isinstance(raw, list) or not raw or not all(isinstance(item, dict) for item in raw):
        problems.add(where, "`History` is not a list of at least one {role, content}")
        return ()
    said = []
    for turn, item in enumerate(raw, start=1):
        role = _ROLES.get(str(item.get("role")))
        if role is None:
            problems.add(
                f"{where}, turn {turn}", f"unknown role {item.get('role')!r}; known: {', '.join(_ROLES)}"
            )
        said.append(Utterance(role or "user", _text(item, "content", f"{where}, turn {turn}", problems)))
    if said[-1].role != "user":
        problems.add(where, "`History` does not end with the help-seeker, so there is nothing to respond to")
    return join(said)


def _text(row: dict[str, Any], key: str, where: str, problems: Problems) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value.strip():
        problems.add(where, f"`{key}` is empty or missing")
        return ""
    return collapse(value)


def _level(row: dict[str, Any], key: str, where: str, problems: Problems) -> int | None:
    value = row.get(key)
    if value is None or (type(value) is int and value in LEVELS):
        return value
    problems.add(where, f"`{key}` {value!r} is not a level (1, 2, 3 or 4)")
    return None
