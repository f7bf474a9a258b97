"""The chat template: conversations as text and as tokens, with the supporter's turns marked.

Messages are chat turns without a system message: they start with the user and alternate. The
loss mask covers exactly what the supporter says and the token that ends the turn (decision 2).
Spans are found on the rendered text, not by a `{% generation %}` mark, so any template works
whose rendering of a conversation starts with its rendering of every earlier part.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import TemplateError

from eva.errors import InputError
from eva.models.prompts import conversation, prompt_digest, system_prompt

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Message = Mapping[str, str]

_PROBE: tuple[Message, ...] = (
    {"role": "user", "content": "I feel low."},
    {"role": "assistant", "content": "That sounds hard."},
    {"role": "user", "content": "It is."},
    {"role": "assistant", "content": "Tell me more."},
)


@dataclass(frozen=True, slots=True)
class EndToken:
    """The token that ends an assistant turn: generation stops at it, training teaches it."""

    id: int
    text: str


@dataclass(frozen=True, slots=True)
class Encoded:
    """A rendered conversation: `spans` are token ranges of the supporter's turns, end token included.

    `head` is the number of tokens up to the end of the system text.
    """

    ids: list[int]
    spans: list[range]
    head: int


def prompt_sha(tokenizer: "PreTrainedTokenizerBase", name: str) -> str:
    """sha256 of the chat template and the system text: what a result's prompt was."""
    return prompt_digest(name, _template(tokenizer))


def render(
    tokenizer: "PreTrainedTokenizerBase",
    messages: Sequence[Message],
    *,
    prompt: str = "eva",
    add_generation_prompt: bool = False,
) -> str:
    """The conversation as text, system prompt first.

    Where the template has no place for a system message, its text opens the first user turn.
    """
    system, *turns = conversation(messages, prompt)
    if _takes_system(tokenizer, _template(tokenizer)):
        return _apply(tokenizer, [system, *turns], add_generation_prompt)
    turns[0]["content"] = f"{system['content']}\n\n{turns[0]['content']}"
    return _apply(tokenizer, turns, add_generation_prompt)


def encode(tokenizer: "PreTrainedTokenizerBase", messages: Sequence[Message], prompt: str) -> Encoded:
    """Tokenise a conversation once and find its supporter turns in the tokens.

    Raises `InputError` if the template breaks what training relies on, see `check_template`.
    """
    text = render(tokenizer, messages, prompt=prompt)
    ids, offsets = _tokenise(tokenizer, text)
    end = end_of_turn(tokenizer)
    spans = []
    for index, message in enumerate(messages):
        if message["role"] == "assistant":
            first, last = _span(tokenizer, messages, index, text, prompt)
            spans.append(_token_range(tokenizer, (first, last), ids, offsets, end))
    return Encoded(ids, spans, _head(text, offsets, prompt))


def end_of_turn(tokenizer: "PreTrainedTokenizerBase") -> EndToken:
    """The special token with which the template closes an assistant turn."""
    return _end_token(tokenizer, _template(tokenizer))


def check_chat_template(folder: Path) -> None:
    """Refuse a model folder that cannot hold a conversation, before any weights are loaded.

    Raises `InputError` without tokenizer, without chat template, or where the mask of a short
    conversation would lack the end-of-turn token.
    """
    from eva.models.loading import load_tokenizer

    check_template(load_tokenizer(folder))


def check_template(tokenizer: "PreTrainedTokenizerBase") -> None:
    """Encode a short conversation, so that a template that cannot be trained on is refused early."""
    if not tokenizer.is_fast:
        raise _fault(tokenizer, "is a slow tokenizer: it cannot tell which characters a token covers")
    for prompt in ("eva", "cot"):
        encode(tokenizer, _PROBE, prompt)


def _fault(tokenizer: "PreTrainedTokenizerBase", what: str) -> InputError:
    name = tokenizer.name_or_path or type(tokenizer).__name__
    return InputError(
        f"the chat template of {name} {what}; give the backbone folder another "
        "`chat_template.jinja`, or choose another backbone"
    )


def _template(tokenizer: "PreTrainedTokenizerBase") -> str:
    if not tokenizer.chat_template:
        name = tokenizer.name_or_path or type(tokenizer).__name__
        raise InputError(
            f"{name} has no chat template, so a conversation cannot be put to it; choose an "
            "instruction-tuned backbone or add `chat_template.jinja` to its folder"
        )
    return str(tokenizer.get_chat_template())


def _apply(
    tokenizer: "PreTrainedTokenizerBase", turns: list[dict[str, str]], add_generation_prompt: bool
) -> str:
    try:
        return str(
            tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=add_generation_prompt)
        )
    except TemplateError as error:
        raise _fault(tokenizer, f"refuses a conversation of {len(turns)} turns ({error})") from None


@functools.lru_cache(maxsize=8)
def _takes_system(tokenizer: "PreTrainedTokenizerBase", template: str) -> bool:
    """Whether a system message has a place of its own at the start (`template` is the cache key).

    Some templates raise, some drop it silently, some move it to the last user turn (which would
    change all earlier text from turn to turn): all three get the folded form.
    """
    text = "Be kind to everyone."
    turns = [{"role": "system", "content": text}, *(dict(message) for message in _PROBE)]
    try:
        start, whole = _apply(tokenizer, turns[:2], False), _apply(tokenizer, turns, False)
    except InputError:
        return False
    return text in start and whole.startswith(start)


@functools.lru_cache(maxsize=8)
def _end_token(tokenizer: "PreTrainedTokenizerBase", template: str) -> EndToken:
    """Cached search for the end-of-turn token (`template` is the cache key)."""
    text = render(tokenizer, _PROBE[:2]).rstrip()
    special = {i: t.content for i, t in tokenizer.added_tokens_decoder.items() if t.special}
    if tokenizer.eos_token is not None:
        special[tokenizer.eos_token_id] = tokenizer.eos_token
    closing = [EndToken(i, t) for i, t in special.items() if t and text.endswith(t)]
    if not closing:
        raise _fault(
            tokenizer, "writes no end-of-turn token after an assistant turn: a model would never stop"
        )
    return max(closing, key=lambda token: len(token.text))


def _tokenise(tokenizer: "PreTrainedTokenizerBase", text: str) -> tuple[list[int], list[tuple[int, int]]]:
    """Token ids and the characters each covers; the template has already written all special tokens."""
    found: Any = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    return list(found["input_ids"]), [(int(a), int(b)) for a, b in found["offset_mapping"]]


def _span(
    tokenizer: "PreTrainedTokenizerBase", messages: Sequence[Message], index: int, text: str, prompt: str
) -> tuple[int, int]:
    """Characters of one assistant turn: from where the model starts to write to its end token."""
    before = render(tokenizer, messages[:index], prompt=prompt, add_generation_prompt=True)
    after = render(tokenizer, messages[: index + 1], prompt=prompt)
    if not (text.startswith(after) and after.startswith(before)):
        raise _fault(
            tokenizer, f"renders the turns before turn {index + 1} differently once more turns follow"
        )
    written = after[len(before) :]
    content = messages[index]["content"].strip()
    if not content or not written.lstrip().startswith(content):
        raise _fault(
            tokenizer,
            f"does not write the text of assistant turn {index + 1} right after its generation prompt "
            f"(the turn is {content[:40]!r}, the template writes {written[:60]!r})",
        )
    closed = written.rfind(end_of_turn(tokenizer).text)
    if closed < 0:
        raise _fault(tokenizer, f"writes no end-of-turn token after turn {index + 1}")
    return len(before), len(before) + closed + len(end_of_turn(tokenizer).text)


def _token_range(
    tokenizer: "PreTrainedTokenizerBase",
    span: tuple[int, int],
    ids: list[int],
    offsets: list[tuple[int, int]],
    end: EndToken,
) -> range:
    """The tokens that lie fully inside a span of characters; checks that its borders are theirs."""
    inside = [i for i, (a, b) in enumerate(offsets) if span[0] <= a and b <= span[1] and a < b]
    crossing = any(a < border < b for a, b in offsets for border in span)
    if crossing or not inside or ids[inside[-1]] != end.id or len(inside) < 2:
        raise _fault(
            tokenizer,
            f"does not end an assistant turn in the single token {end.text!r} right after its text, "
            "or its tokenizer joins the turn with what surrounds it",
        )
    return range(inside[0], inside[-1] + 1)


def _head(text: str, offsets: list[tuple[int, int]], prompt: str) -> int:
    """How many tokens hold the system text and what stands before it."""
    system = system_prompt(prompt)
    border = text.find(system) + len(system)
    return sum(b <= border for _, b in offsets)
