"""The chat template: conversations as text and as tokens, with the supporter's turns marked.

Messages are chat turns without a system message: they start with the user and alternate. The
loss mask covers exactly what the supporter says and the token that ends the turn (ADR 6).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from eva.errors import InputError
from eva.models.chat_form import (
    PROBE,
    EndToken,
    Message,
    changing,
    chat_form,
    model_name,
    prompt_text,
    template_fault,
)
from eva.models.control_tokens import Tokens
from eva.models.prompts import prompt_digest, system_prompt

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True)
class Encoded:
    """A rendered conversation: `spans` are token ranges of the supporter's turns, end token included.

    `head` is the number of tokens up to the end of the system text.
    """

    ids: list[int]
    spans: list[range]
    head: int


def prompt_sha(tokenizer: "PreTrainedTokenizerBase", name: str) -> str:
    """sha256 of the chat template, the system text and a rendered probe: what a result's prompt was."""
    rendered = [render(tokenizer, PROBE[:n], prompt=name) for n in (1, 3)]
    return prompt_digest(name, [chat_form(tokenizer).template, *rendered])


def end_of_turn(tokenizer: "PreTrainedTokenizerBase") -> EndToken:
    """The token with which the template closes an assistant turn."""
    return chat_form(tokenizer).end


def render(tokenizer: "PreTrainedTokenizerBase", messages: Sequence[Message], *, prompt: str = "eva") -> str:
    """The conversation as text, system prompt first, up to where the supporter begins to write.

    If it ends with the supporter: up to the end of that turn. Where the template has no place for
    a system message, its text opens the first user turn.
    """
    text, _ = _written(tokenizer, messages, prompt)
    return chat_form(tokenizer).controls.show(text)


def tokenise(tokenizer: "PreTrainedTokenizerBase", messages: Sequence[Message], prompt: str) -> Tokens:
    """Tokens of what `render` gives; no content of a message becomes a control token."""
    text, _ = _written(tokenizer, messages, prompt)
    return chat_form(tokenizer).controls.tokenise(text)


def encode(tokenizer: "PreTrainedTokenizerBase", messages: Sequence[Message], prompt: str) -> Encoded:
    """Tokenise a conversation once and find its supporter turns in the tokens.

    Raises `InputError` if the template breaks what training relies on, see `check_template`.
    """
    text, turns = _written(tokenizer, messages, prompt)
    tokens = chat_form(tokenizer).controls.tokenise(text)
    spans = [_token_range(tokenizer, turn, tokens) for turn in turns]
    return Encoded(tokens.ids, spans, _head(text, tokens, prompt))


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
        raise InputError(
            f"{model_name(tokenizer)} has a slow tokenizer, which cannot tell the characters that a token "
            "covers; save it as `tokenizer.json`, or choose another backbone"
        )
    for prompt in ("eva", "cot"):
        encode(tokenizer, PROBE, prompt)


def _written(
    tokenizer: "PreTrainedTokenizerBase", messages: Sequence[Message], prompt: str
) -> tuple[str, list[tuple[int, int]]]:
    """The conversation with control tokens of its contents hidden, and the characters of each answer."""
    form = chat_form(tokenizer)
    answers = [i for i, message in enumerate(messages) if message["role"] == "assistant"]
    last = answers[-1:] == [len(messages) - 1]
    text = prompt_text(tokenizer, messages[:-1] if last else messages, prompt)
    spans = []
    for index in answers:
        before = prompt_text(tokenizer, messages[:index], prompt)
        turn = form.turn(form.controls.hide(_content(messages[index], index)))
        if index == len(messages) - 1:
            text += turn
        if not text.startswith(before):
            raise changing(tokenizer, before, text)
        if not text.startswith(turn, len(before)):
            raise template_fault(
                tokenizer,
                f"does not write the text of turn {index + 1} as it is",
                expected=turn,
                written=text[len(before) : len(before) + len(turn) + 40],
            )
        spans.append((len(before), len(before) + len(turn)))
    return text, spans


def _content(message: Message, index: int) -> str:
    content = message["content"].strip()
    if not content:
        raise InputError(f"the text of turn {index + 1}, an answer, is empty; drop the turn or fill it")
    return content


def _token_range(tokenizer: "PreTrainedTokenizerBase", span: tuple[int, int], tokens: Tokens) -> range:
    """The tokens that lie fully inside a span of characters; checks that its borders are theirs."""
    inside = [i for i, (a, b) in enumerate(tokens.offsets) if span[0] <= a and b <= span[1] and a < b]
    crossing = any(a < border < b for a, b in tokens.offsets for border in span)
    end = end_of_turn(tokenizer)
    if crossing or not inside or tokens.ids[inside[-1]] != end.id or len(inside) < 2:
        raise template_fault(
            tokenizer,
            f"does not end an assistant turn in the single token {end.text!r} right after its text, "
            "or its tokenizer joins the turn with what surrounds it",
        )
    return range(inside[0], inside[-1] + 1)


def _head(text: str, tokens: Tokens, prompt: str) -> int:
    """How many tokens hold the system text and what stands before it."""
    system = system_prompt(prompt)
    border = text.find(system) + len(system)
    return sum(b <= border for _, b in tokens.offsets)
