"""The types for dialogues and preference pairs of any corpus, and the four levels of validation.

A `Turn` is everything that one speaker says before the other speaks (ADR 8: consecutive utterances of
one speaker are joined). Roles are chat roles: the help-seeker is `user`, the supporter is `assistant`.
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
NO_LEVEL = 0  # the class `none`: an utterance that shows no level of validation

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
    """One turn: the joined text, and the strategy labels of its utterances (may be empty).

    `parts` are the labelled utterances, in the order of `strategies`; empty if the turn is one utterance.
    """

    role: Role
    content: str
    strategies: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()

    @property
    def weak_level(self) -> int | None:
        """Level of the last strategy that has a level; `NO_LEVEL` if none has, None without labels."""
        if not self.strategies:
            return None
        levels = [STRATEGY_LEVELS[name] for name in self.strategies]
        return next((level for level in reversed(levels) if level != NO_LEVEL), NO_LEVEL)

    def labelled(self) -> list[tuple[str, int]]:
        """The labelled utterances of the turn, each with the level of its strategy."""
        said = self.parts or (self.content,) * len(self.strategies)
        return [(text, STRATEGY_LEVELS[name]) for text, name in zip(said, self.strategies, strict=True)]


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A conversation.

    `position` is its row in the source file, counted from 0. `slices` are labels by which results are
    grouped, e.g. `{"emotion": "anxiety"}`.
    """

    id: str
    corpus: str
    position: int
    turns: tuple[Turn, ...]
    slices: dict[str, str] = field(default_factory=dict)

    @property
    def n_supporter_turns(self) -> int:
        return sum(turn.role == "assistant" for turn in self.turns)

    def supporter_turns(self) -> "Iterator[SupporterTurn]":
        """The turns of the supporter, in order."""
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
    """A turn of the supporter, for which systems generate responses.

    It is number `ordinal` (from 1) among the supporter's turns of `dialogue`, and `dialogue.turns[index]`.
    `history` are the turns before it, and `gold` is what the human supporter said.
    """

    dialogue: Dialogue
    ordinal: int
    index: int

    @property
    def key(self) -> tuple[str, int]:
        """(dialogue id, ordinal); equal to the `Response.key` of every response for this turn."""
        return self.dialogue.id, self.ordinal

    @property
    def n_turns(self) -> int:
        """Number of supporter turns in the whole dialogue."""
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
    """A preference pair: two responses to one history, of which one is preferred (paper section 4.1.2).

    `history` are chat messages; the last one is the user's. `turn` is the number of the supporter turn,
    from 1 to `n_turns`. Levels are None if the source has none.
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
    """Quartile 1..4 of a supporter turn in its dialogue: ceil(4 * turn / n_turns) (ADR 9).

    Raises:
        ValueError: `turn` is not within 1..n_turns.
    """
    if not 1 <= turn <= n_turns:
        raise ValueError(f"turn {turn} is not within 1..{n_turns}")
    return math.ceil(4 * turn / n_turns)


def subset(rows: list[T], n: int | None) -> list[T]:
    """`n` rows evenly spaced over `rows`, in order; all rows if `n` is None or at least their number."""
    if n is None or n >= len(rows):
        return rows
    return [rows[index * len(rows) // n] for index in range(n)]
