"""The one dialogue type that every corpus becomes, and the level theory around it.

A `Turn` is all that one speaker says before the other speaks (ADR 8: consecutive
utterances of one speaker are joined). Roles are chat roles: the help-seeker is `user`, the
supporter is `assistant`.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeVar

Role = Literal["user", "assistant"]
T = TypeVar("T")

LEVELS = (1, 2, 3, 4)
LEVEL_NAMES = {
    1: "Listening and Observing",
    2: "Accurate Reflection",
    3: "Validating",
    4: "Radical Genuineness",
}
NO_LEVEL = 0  # the class `none`: an utterance that carries no level of validation

# Weak labels from ESConv's strategies (ADR 11).
STRATEGY_LEVELS = {
    "Question": 1,
    "Restatement or Paraphrasing": 2,
    "Reflection of feelings": 2,
    "Affirmation and Reassurance": 3,
    "Self-disclosure": 4,
    "Providing Suggestions": 4,
    "Information": 4,
    "Others": NO_LEVEL,
}


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn: `content` is its joined text, `strategies` its utterances' labels (may be empty).

    `parts` are the utterances that `strategies` label, in their order; empty where `content` is one.
    """

    role: Role
    content: str
    strategies: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()

    @property
    def weak_level(self) -> int | None:
        """Level of the last strategy that has one, `NO_LEVEL` if none has, `None` if unlabelled."""
        if not self.strategies:
            return None
        levels = [STRATEGY_LEVELS[name] for name in self.strategies]
        return next((level for level in reversed(levels) if level != NO_LEVEL), NO_LEVEL)

    def labelled(self) -> list[tuple[str, int]]:
        """Its labelled utterances, each with the level of its strategy."""
        said = self.parts or (self.content,) * len(self.strategies)
        return [(text, STRATEGY_LEVELS[name]) for text, name in zip(said, self.strategies, strict=True)]


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A conversation; `position` is its row in the source file, `slices` label it for analysis."""

    id: str
    corpus: str
    position: int
    turns: tuple[Turn, ...]
    slices: dict[str, str] = field(default_factory=dict)

    @property
    def n_supporter_turns(self) -> int:
        return sum(turn.role == "assistant" for turn in self.turns)

    def supporter_turns(self) -> "Iterator[SupporterTurn]":
        """The supporter's turns, in order."""
        ordinal = 0
        for index, turn in enumerate(self.turns):
            if turn.role == "assistant":
                ordinal += 1
                yield SupporterTurn(self, ordinal, index)

    def messages(self, end: int | None = None) -> list[dict[str, str]]:
        """The first `end` turns (all by default) as chat messages, without a system message."""
        return [{"role": turn.role, "content": turn.content} for turn in self.turns[:end]]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, row: dict[str, Any]) -> "Dialogue":
        turns = tuple(_turn(raw) for raw in row["turns"])
        return cls(row["id"], row["corpus"], row["position"], turns, dict(row.get("slices", {})))


@dataclass(frozen=True, slots=True)
class SupporterTurn:
    """The supporter turn `ordinal` (from 1) of `dialogue`, at `index` of its turns.

    A place where a response is due: what came before is its `history`, and `gold` is what the human
    supporter said there.
    """

    dialogue: Dialogue
    ordinal: int
    index: int

    @property
    def key(self) -> tuple[str, int]:
        """Names the place: equal to `Response.key` of every response given there."""
        return self.dialogue.id, self.ordinal

    @property
    def n_turns(self) -> int:
        """Supporter turns of the whole dialogue."""
        return self.dialogue.n_supporter_turns

    @property
    def gold(self) -> Turn:
        return self.dialogue.turns[self.index]

    @property
    def history(self) -> tuple[dict[str, str], ...]:
        """The chat messages before the turn."""
        return tuple(self.dialogue.messages(self.index))

    @property
    def quartile(self) -> int:
        return quartile(self.ordinal, self.n_turns)


def supporter_turns(dialogues: Iterable[Dialogue]) -> list[SupporterTurn]:
    """Every supporter turn of all dialogues, in order."""
    return [turn for dialogue in dialogues for turn in dialogue.supporter_turns()]


def _turn(row: dict[str, Any]) -> Turn:
    strategies, parts = (tuple(row.get(name, ())) for name in ("strategies", "parts"))
    return Turn(row["role"], row["content"], strategies, parts)


@dataclass(frozen=True, slots=True)
class Preference:
    """Two candidate responses to one history, one preferred (paper section 4.1.2).

    `history` are chat messages that end with the user's; `turn` of `n_turns` counts the
    supporter's turns from 1. Levels are `None` where the source has none.
    """

    id: str
    dialogue_id: str
    turn: int
    n_turns: int
    history: tuple[dict[str, str], ...]
    chosen: str
    rejected: str
    chosen_level: int | None = None
    rejected_level: int | None = None
    source: str = ""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, row: dict[str, Any]) -> "Preference":
        return cls(**{**row, "history": tuple(row["history"])})


def quartile(turn: int, n_turns: int) -> int:
    """Quartile 1..4 of a supporter turn: ceil(4 * turn / n_turns) (ADR 9)."""
    if not 1 <= turn <= n_turns:
        raise ValueError(f"turn {turn} is not within 1..{n_turns}")
    return math.ceil(4 * turn / n_turns)


def subset(rows: list[T], n: int | None) -> list[T]:
    """`n` rows evenly spaced over `rows`, in order; all of them for `None` or `n >= len(rows)`."""
    if n is None or n >= len(rows):
        return rows
    return [rows[index * len(rows) // n] for index in range(n)]
