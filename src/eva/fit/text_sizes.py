"""Token counts of dialogues, and the lengths of their windows and prompts without creating them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from eva.data.dialogue import Dialogue
from eva.models.prompts import system_prompt

Count = Callable[[str], int]

_CHARACTERS = 4.3  # characters of English per token, for a vocabulary of 32,000 to 150,000 tokens
_FRAME = 5  # tokens that a chat template adds to a turn


@dataclass(frozen=True)
class Sequences:
    """Totals of a set of sequences: number, tokens, sum of squared lengths, tokens with a loss, longest."""

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
        """The totals of the sequences repeated `factor` times."""
        return Sequences(
            self.n * factor,
            self.tokens * factor,
            self.squares * factor,
            self.scored * factor,
            self.longest,
        )

    @property
    def length(self) -> int:
        """The mean length in tokens."""
        return max(1, round(self.tokens / self.n)) if self.n else 1


def sequence(length: float, scored: float) -> Sequences:
    """The totals of a single sequence of `length` tokens, of which `scored` have a loss."""
    return Sequences(1, length, length**2, scored, length)


def token_counter(folder: Path) -> tuple[Count, bool]:
    """A function that counts tokens, and whether it is exact.

    It uses the tokenizer of a model folder if it exists; else it estimates tokens from characters.
    """
    if not (folder / "tokenizer.json").is_file():
        return lambda text: max(1, round(len(text) / _CHARACTERS)), False
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids), True


@dataclass(frozen=True)
class Said:
    """The token counts of a dialogue: before its first turn, and of each turn with its template."""

    head: int
    turns: tuple[tuple[bool, int], ...]  # whether the supporter speaks, tokens

    @property
    def answers(self) -> list[int]:
        """The indices of the supporter's turns."""
        return [i for i, (supporter, _) in enumerate(self.turns) if supporter]

    def span(self, start: int, stop: int) -> int:
        """The tokens of the head and of the turns from `start` to `stop` (exclusive)."""
        return self.head + sum(tokens for _, tokens in self.turns[start:stop])

    def first(self, stop: int, room: int) -> int:
        """The earliest user turn from which all turns before `stop` fit into `room` tokens."""
        starts = [i for i in range(stop) if not self.turns[i][0]]
        return next((i for i in starts if self.span(i, stop) <= room), starts[-1] if starts else 0)


def measure(dialogue: Dialogue, count: Count, prompt: str = "eva") -> Said:
    """The token counts of a dialogue with a system prompt."""
    turns = tuple((turn.role == "assistant", count(turn.content) + _FRAME) for turn in dialogue.turns)
    return Said(count(system_prompt(prompt)) + _FRAME, turns)


def windows(said: Said, max_length: int) -> Sequences:
    """The training sequences of a dialogue, usually one; a long one is divided as in `eva.models.chat`."""
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
    """The prompts of one dialogue: number of responses, and the sequences of their forward passes."""

    answers: int
    read: Sequences


def prompts(said: Said, max_length: int) -> Prompts:
    """The prompts for all supporter turns of a dialogue; those that share a prefix are one sequence."""
    lengths = [said.span(said.first(i, max_length), i) for i in said.answers]
    shared = [n for n, i in zip(lengths, said.answers, strict=True) if said.span(0, i) <= max_length]
    alone = [
        min(n, max_length) for n, i in zip(lengths, said.answers, strict=True) if said.span(0, i) > max_length
    ]
    read = sequence(max(shared), len(shared)) if shared else Sequences()
    for length in alone:
        read += sequence(length, 1)
    return Prompts(len(lengths), read)
