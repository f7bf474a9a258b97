"""Dialogues as token counts: how long their windows and prompts are, without making them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from eva.data.dialogue import Dialogue
from eva.models.prompts import system_prompt

Count = Callable[[str], int]

_CHARACTERS = 4.3  # of English to a token of a 32,000 to 150,000 word vocabulary
_FRAME = 5  # tokens that a chat template puts around a turn


@dataclass(frozen=True)
class Sequences:
    """Some sequences: how many, their tokens, sum of squared lengths, tokens with a loss, the longest."""

    n: float = 0.0
    tokens: float = 0.0
    squares: float = 0.0
    scored: float = 0.0
    longest: float = 0.0

    def __add__(self, other: "Sequences") -> "Sequences":
        return Sequences(
            self.n + other.n,
            self.tokens + other.tokens,
            self.squares + other.squares,
            self.scored + other.scored,
            max(self.longest, other.longest),
        )

    def times(self, factor: float) -> "Sequences":
        """As many times."""
        return Sequences(
            self.n * factor,
            self.tokens * factor,
            self.squares * factor,
            self.scored * factor,
            self.longest,
        )

    @property
    def length(self) -> int:
        """The mean."""
        return max(1, round(self.tokens / self.n)) if self.n else 1


def sequence(length: float, scored: float) -> Sequences:
    """One of them."""
    return Sequences(1, length, length**2, scored, length)


def token_counter(folder: Path) -> tuple[Count, bool]:
    """Counts tokens with the tokenizer of a model folder, or from characters; and whether it is exact."""
    if not (folder / "tokenizer.json").is_file():
        return lambda text: max(1, round(len(text) / _CHARACTERS)), False
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids), True


@dataclass(frozen=True)
class Said:
    """A dialogue: tokens before its first turn, and of each turn with the template's frame."""

    head: int
    turns: tuple[tuple[bool, int], ...]  # whether the supporter speaks, tokens

    @property
    def answers(self) -> list[int]:
        """Indices of the supporter's turns."""
        return [i for i, (supporter, _) in enumerate(self.turns) if supporter]

    def span(self, start: int, stop: int) -> int:
        """Tokens of the head and of turns `start` to `stop`."""
        return self.head + sum(tokens for _, tokens in self.turns[start:stop])

    def first(self, stop: int, room: int) -> int:
        """The earliest user turn from which the turns before `stop` fit into `room` tokens."""
        starts = [i for i in range(stop) if not self.turns[i][0]]
        return next((i for i in starts if self.span(i, stop) <= room), starts[-1] if starts else 0)


def measure(dialogue: Dialogue, count: Count, prompt: str = "eva") -> Said:
    """Token counts of a dialogue under a prompt."""
    turns = tuple((turn.role == "assistant", count(turn.content) + _FRAME) for turn in dialogue.turns)
    return Said(count(system_prompt(prompt)) + _FRAME, turns)


def windows(said: Said, max_length: int) -> Sequences:
    """Training sequences: mostly one; a longer dialogue is cut as `eva.models.chat` cuts it."""
    total, start, last = Sequences(), -1, 0
    length = scored = 0.0
    for index in said.answers:
        begin = said.first(index + 1, max_length)
        if begin != start and start >= 0:
            total, scored = total + sequence(length, scored), 0.0
        start, last = begin, index
        length = min(said.span(start, last + 1), max_length)
        scored += said.turns[index][1] - _FRAME + 1
    return total + sequence(length, scored) if start >= 0 else total


@dataclass(frozen=True)
class Prompts:
    """Prompts of one dialogue: what is read once for all that share it, and those read alone."""

    answers: int
    read: Sequences


def prompts(said: Said, max_length: int) -> Prompts:
    """What generation reads to answer every supporter turn."""
    lengths = [said.span(said.first(i, max_length), i) for i in said.answers]
    shared = [n for n, i in zip(lengths, said.answers, strict=True) if said.span(0, i) <= max_length]
    alone = [
        min(n, max_length) for n, i in zip(lengths, said.answers, strict=True) if said.span(0, i) > max_length
    ]
    read = sequence(max(shared), len(shared)) if shared else Sequences()
    for length in alone:
        read += sequence(length, 1)
    return Prompts(len(lengths), read)
