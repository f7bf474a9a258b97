"""Candidates for preference pairs, and their ranking: the files between collection and annotation.

`candidates.jsonl` has one line per candidate, `ranked.jsonl` one per item, which is a supporter turn named
`<dialogue_id>:<turn>`. All lines of a file are checked when it is read.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from eva.artifacts import fingerprint, numbered_lines, write_jsonl
from eva.data.dialogue import LEVELS, SupporterTurn, quartile
from eva.errors import InputError, raise_if
from eva.plain_text import parse_json

_LISTED = 50  # most problems in a message; a file in another format has one on every line
HUMAN = "human"  # the source of what the corpus's own supporter said
FEWEST_RANKED = 2  # usable candidates of an item; with fewer there is no pair
PEOPLE = "people"  # the ranker of a file that annotators made


@dataclass(frozen=True, slots=True)
class Candidate:
    """One possible response to `history` (chat messages; the last is the user's).

    `level` is the level that was asked for, None where none was; `source` the model, or `human`.
    `candidate` is an id that tells annotators neither. `turn` of `n_turns` counts the supporter's turns
    of the dialogue from 1.
    """

    dialogue_id: str
    turn: int
    n_turns: int
    history: tuple[Mapping[str, str], ...]
    candidate: str
    level: int | None
    text: str
    source: str

    @property
    def item(self) -> str:
        return f"{self.dialogue_id}:{self.turn}"

    @property
    def quartile(self) -> int:
        return quartile(self.turn, self.n_turns)

    @classmethod
    def at(cls, turn: SupporterTurn, text: str, level: int | None, source: str) -> "Candidate":
        """A candidate for `turn`, with an id that follows from its content."""
        name = fingerprint([turn.key, text, level, source])[:8]
        return cls(turn.dialogue.id, turn.ordinal, turn.n_turns, turn.history, name, level, text, source)

    def to_dict(self) -> dict[str, Any]:
        """Its line, with a digest of everything else in it."""
        row = {"item": self.item, **asdict(self), "history": [dict(said) for said in self.history]}
        return {**row, "digest": fingerprint(row)}


@dataclass(frozen=True, slots=True)
class Ranked:
    """The order of an item's candidates, best first.

    `order` leaves out what annotators found unusable. `annotators` ranked it, `against` of them against
    the majority; `kept` is false where too many did, or where no two candidates are usable.
    `ranker` is `people`, or names the machine that ranked it.
    """

    item: str
    order: tuple[str, ...]
    annotators: int
    against: int
    kept: bool
    ranker: str = PEOPLE


def by_item(candidates: Iterable[Candidate]) -> dict[str, list[Candidate]]:
    """The candidates of each item, in the order of the file."""
    items: dict[str, list[Candidate]] = {}
    for one in candidates:
        items.setdefault(one.item, []).append(one)
    return items


def write_candidates(path: Path, candidates: Iterable[Candidate]) -> int:
    """Write `candidates.jsonl` atomically; returns the number of lines."""
    return write_jsonl(path, (one.to_dict() for one in candidates))


def read_candidates(path: Path) -> list[Candidate]:
    """Read `candidates.jsonl`; an `InputError` lists every line that is damaged or says otherwise."""
    found = [(number, *_candidate(row, why)) for number, row, why in _rows(path)]
    problems = [f"line {number}: {why}" for number, _, why in found if why]
    candidates = [(number, one) for number, one, _ in found if one is not None]
    problems += _repeated((number, f"candidate {c.candidate} of {c.item}") for number, c in candidates)
    raise_if(problems, path, _LISTED)
    return [one for _, one in candidates]


def write_ranked(path: Path, ranked: Iterable[Ranked]) -> int:
    """Write `ranked.jsonl` atomically; returns the number of lines."""
    return write_jsonl(path, (asdict(one) for one in ranked))


def read_ranked(path: Path, candidates: Sequence[Candidate]) -> list[Ranked]:
    """Read `ranked.jsonl`, whose items and orders must be those of `candidates`.

    Raises:
        InputError: lists every line with a wrong value, an unknown item or candidate, or a repeated item.
    """
    known = {item: {one.candidate for one in own} for item, own in by_item(candidates).items()}
    ranked, problems = [], []
    for number, row, why in _rows(path):
        faults = [why] if why else list(_ranking_faults(row, known))
        problems += [f"line {number}: {fault}" for fault in faults]
        if not faults:
            ranked.append((number, Ranked(**{**row, "order": tuple(row["order"])})))
    problems += _repeated((number, f"item {one.item}") for number, one in ranked)
    raise_if(problems, path, _LISTED)
    return [one for _, one in ranked]


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any], str]]:
    """Line number, object and fault (empty: none) of each line; `InputError` if there is no line."""
    empty = True
    for number, line in numbered_lines(path):
        empty = False
        try:
            row = parse_json(line)
        except InputError as error:
            yield number, {}, str(error)
            continue
        fault = "" if isinstance(row, dict) else f"expected an object, got {type(row).__name__}"
        yield number, row if isinstance(row, dict) else {}, fault
    if empty:
        raise InputError(f"{path}: holds no line; it was not written completely, or is another file")


def _candidate(row: dict[str, Any], fault: str) -> tuple[Candidate | None, str]:
    if fault:
        return None, fault
    said = {key: value for key, value in row.items() if key != "digest"}
    if fingerprint(said) != row.get("digest"):
        return None, "does not match its digest: it was edited or damaged; collect again, or restore the file"
    item = said.pop("item", None)
    try:
        one = Candidate(**{**said, "history": tuple(said["history"])})
        fits = item == one.item and one.quartile and one.level in (None, *LEVELS)
    except (TypeError, KeyError, ValueError) as error:
        return None, f"is no candidate ({error})"
    return (one, "") if fits else (None, f"says item {item!r} and level {one.level!r}, which cannot be")


def _ranking_faults(row: dict[str, Any], known: Mapping[str, set[str]]) -> Iterator[str]:
    fields = Ranked.__dataclass_fields__
    unknown, missing = sorted(row.keys() - fields.keys()), sorted(fields.keys() - row.keys() - {"ranker"})
    if unknown or missing:
        yield f"unknown {', '.join(unknown) or 'nothing'}, missing {', '.join(missing) or 'nothing'}"
        return
    order, item = row["order"], row["item"]
    if item not in known:
        yield f"item {item!r} is not among the candidates: it is a ranking of another collection"
    elif not isinstance(order, list) or not _each_once(order, known[item]):
        all_once = ", ".join(sorted(known[item]))
        yield f"`order` of {item} is {order!r}; its candidates are {all_once}, each once at most"
    elif row["kept"] is True and len(order) < FEWEST_RANKED:
        yield f"{item} is `kept` with {len(order)} candidates: a pair needs two"
    counts = row["annotators"], row["against"]
    if not all(type(n) is int for n in counts) or not 0 <= counts[1] <= counts[0]:
        yield f"`annotators` {counts[0]!r} and `against` {counts[1]!r} are no counts of annotators"
    if not isinstance(row["kept"], bool):
        yield f"`kept` is {row['kept']!r}, expected true or false"


def _each_once(order: Sequence[Any], known: set[str]) -> bool:
    return all(isinstance(name, str) for name in order) and len(set(order) & known) == len(order)


def _repeated(names: Iterable[tuple[int, str]]) -> list[str]:
    listed = list(names)
    counts = Counter(name for _, name in listed)
    return [
        f"line {number}: {name} occurs {counts[name]} times" for number, name in listed if counts[name] > 1
    ]
