"""Thoughts of reasoning models, which are no part of what they say to the help-seeker.

A server with a reasoning parser hands them over apart; without one they stand in the content, as
they do in what a local model writes. They are cut out before anything is scored.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

# How the families mark a thought: DeepSeek-R1, Qwen3, SmolLM3, Phi-4-reasoning and most others;
# Seed-OSS; Magistral; OpenThinker; Command A; Kimi; gpt-oss (its channels).
_WORDS = r"(?i:think|thinking|thought|thoughts|reasoning|seed:think)"
_OPEN = (
    rf"<\s*{_WORDS}\s*>|\[THINK\]|<\|begin_of_thought\|>|<\|START_THINKING\|>|◁think▷"
    r"|<\|channel\|>(?:analysis|commentary)<\|message\|>"
)
_CLOSE = (
    rf"<\s*/\s*{_WORDS}\s*>|\[/THINK\]|<\|end_of_thought\|>|<\|END_THINKING\|>|◁/think▷"
    r"|(?:<\|end\|>)?(?:<\|start\|>assistant)?<\|channel\|>final<\|message\|>"
)
_MARK = re.compile(f"(?P<open>{_OPEN})|(?P<close>{_CLOSE})")


@dataclass(frozen=True, slots=True)
class Parted:
    """A generated text in two parts, without outer blanks: what is said, and the thoughts about it.

    `unfinished` is true where the text ends within a thought, so that nothing follows from it.
    """

    answer: str
    thoughts: tuple[str, ...] = ()
    unfinished: bool = False


def part_thoughts(text: str) -> Parted:
    """Cut the thoughts out of a generated text.

    A thought lasts from its opening to its closing mark, or to the end of the text. Before a
    closing mark without an opening one everything is a thought: many chat templates write the
    opening mark into the prompt. An empty thought (`<think></think>`) is none.
    """
    said: list[str] = []
    thoughts: list[str] = []
    thinking = False
    for piece, mark in _pieces(text):
        (thoughts if thinking else said).append(piece)
        if mark == "close" and not thinking:
            thoughts += said
            said = []
        thinking = mark == "open" if mark else thinking
    answer = "".join(said).strip()
    return Parted(answer, tuple(t.strip() for t in thoughts if t.strip()), thinking)


def is_thought_mark(token: str) -> bool:
    """Whether a token of a vocabulary marks a thought, so that it must be seen to cut the thought out."""
    return bool(_MARK.fullmatch(token.strip())) or token in ("<|channel|>", "<|message|>")


def _pieces(text: str) -> Iterator[tuple[str, str | None]]:
    """The text between the marks, each with the kind of the mark behind it."""
    start = 0
    for mark in _MARK.finditer(text):
        yield text[start : mark.start()], mark.lastgroup
        start = mark.end()
    yield text[start:], None
