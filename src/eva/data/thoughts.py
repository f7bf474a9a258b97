"""Separation of a reasoning model's thoughts from its response to the help-seeker.

A server with a reasoning parser returns thoughts in a field of their own. Without one they are in the
content, as they are in the output of a local model; they are removed before anything is scored.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

# The marks around a thought, by model family: DeepSeek-R1, Qwen3, SmolLM3, Phi-4-reasoning and most
# others; Seed-OSS; Magistral; OpenThinker; Command A; Kimi; gpt-oss (its channels).
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
    """A generated text divided into the response (`answer`) and the thoughts, both stripped.

    `unfinished` is true if the text ends within a thought, before any response.
    """

    answer: str
    thoughts: tuple[str, ...] = ()
    unfinished: bool = False


def part_thoughts(text: str) -> Parted:
    """Separate the thoughts in a generated text from the response.

    A thought lasts from its opening mark to its closing mark, or to the end of the text. If there is a
    closing mark without an opening mark, everything before it is a thought, because many chat templates
    put the opening mark into the prompt. An empty thought (`<think></think>`) does not count.
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
    """Whether a token marks a thought; decoding must keep such tokens, so that `part_thoughts` sees them."""
    return bool(_MARK.fullmatch(token.strip())) or token in ("<|channel|>", "<|message|>")


def _pieces(text: str) -> Iterator[tuple[str, str | None]]:
    """The pieces of text between marks, each with the kind of the mark that follows it."""
    start = 0
    for mark in _MARK.finditer(text):
        yield text[start : mark.start()], mark.lastgroup
        start = mark.end()
    yield text[start:], None
