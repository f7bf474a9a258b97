"""Whether two files of responses answer the same, and which turns they lack."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, takewhile

from eva.data.responses import Response, check_same_turns
from eva.errors import InputError

_SHOWN = 60  # characters of a text that differs
_LISTED = 5  # dialogues with missing turns that are named


def check_comparable(ours: Sequence[Response], theirs: Sequence[Response], names: tuple[str, str]) -> None:
    """Refuse two systems that did not answer the same; the `InputError` names the first difference.

    Both need the same dialogues and turns, and at each turn the same `n_turns`, history and, where
    both have one, reference. Outer blanks of a text do not count.
    """
    check_same_turns((row.key for row in ours), (row.key for row in theirs), names)
    other = {row.key: row for row in theirs}
    faults = [(row, fault) for row in ours if (fault := _difference(row, other[row.key], names))]
    if faults:
        row, fault = faults[0]
        raise InputError(
            f"{names[0]} and {names[1]} do not answer the same: dialogue {row.dialogue_id!r} turn "
            f"{row.turn} has {fault}; {len(faults)} of {len(ours)} turns differ. A comparison is paired: "
            "generate both from one prepared split"
        )


def _difference(ours: Response, theirs: Response, names: tuple[str, str]) -> str | None:
    """What differs at one turn, with both values."""
    if ours.n_turns != theirs.n_turns:
        return f"`n_turns` {ours.n_turns} in {names[0]} and {theirs.n_turns} in {names[1]}"
    if len(ours.history) != len(theirs.history):
        sizes = len(ours.history), len(theirs.history)
        return f"{sizes[0]} messages of history in {names[0]} and {sizes[1]} in {names[1]}"
    for number, (left, right) in enumerate(zip(ours.history, theirs.history, strict=True), start=1):
        if (one := _said(left)) != (other := _said(right)):
            return _texts(f"`history` message {number}", one, other, names)
    if ours.reference and theirs.reference and ours.reference.strip() != theirs.reference.strip():
        return _texts("`reference`", ours.reference, theirs.reference, names)
    return None


def _said(message: Mapping[str, str]) -> str:
    return f"{message['role']}: {message['content'].strip()}"


def _texts(what: str, left: str, right: str, names: tuple[str, str]) -> str:
    """Two texts from shortly before where they part."""
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(left, right, strict=False)))
    start = max(0, same - _SHOWN // 3)
    cut = ["…" * (start > 0) + text[start : start + _SHOWN] for text in (left, right)]
    return f"{what} {cut[0]!r} in {names[0]} and {cut[1]!r} in {names[1]}"


def missing_turns(rows: Sequence[Response]) -> str | None:
    """A sentence on the dialogues that lack turns which `n_turns` counts; None where all are there."""
    lacking = list(_lacking(rows))
    if not lacking:
        return None
    named = "; ".join(lacking[:_LISTED]) + ("; …" if len(lacking) > _LISTED else "")
    dialogues = len({row.dialogue_id for row in rows})
    return (
        f"{len(lacking)} of {dialogues} dialogues lack turns ({named}): EVAEval and repetition see only "
        "those that are there"
    )


def _lacking(rows: Sequence[Response]) -> Iterator[str]:
    ordered = sorted(rows, key=lambda row: row.key)
    for name, own in groupby(ordered, key=lambda row: row.dialogue_id):
        members = list(own)
        there, n_turns = {row.turn for row in members}, members[0].n_turns
        absent = [turn for turn in range(1, n_turns + 1) if turn not in there]
        if absent:
            yield f"{name!r} {_ranges(absent)} of {n_turns}"


def _ranges(numbers: Sequence[int]) -> str:
    """Whole numbers in order, neighbours joined: 2, 5 to 9."""
    parts = []
    for _, run in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        members = [number for _, number in run]
        parts.append(str(members[0]) if len(members) == 1 else f"{members[0]} to {members[-1]}")
    return ", ".join(parts)
