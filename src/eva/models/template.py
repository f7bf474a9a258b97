"""Rendering and tokenising conversations with a chat template, and finding the supporter's turns in them.

Messages have no system message, start with the user and alternate. The loss mask covers exactly the text
of the supporter and the token that ends the turn (ADR 6).
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
    """A tokenised conversation.

    Attributes:
        ids: the token ids.
        spans: the range of token positions of each supporter turn, end-of-turn token included.
        head: number of tokens up to the end of the system prompt.
    """

    ids: list[int]
    spans: list[range]
    head: int


def prompt_sha(tokenizer: "PreTrainedTokenizerBase", name: str) -> str:
    """sha256 of chat template, system prompt `name` and a rendered example; identifies a result's prompt."""
    rendered = [render(tokenizer, PROBE[:n], prompt=name) for n in (1, 3)]
    return prompt_digest(name, [chat_form(tokenizer).template, *rendered])


def end_of_turn(tokenizer: "PreTrainedTokenizerBase") -> EndToken:
    """The token that ends an assistant turn in the template."""
    return chat_form(tokenizer).end


def render(tokenizer: "PreTrainedTokenizerBase", messages: Sequence[Message], *, prompt: str = "eva") -> str:
    """The rendered conversation, system prompt first, ending with the generation prompt.

    If the last message is the supporter's, it ends with the end-of-turn token instead. If the template
    has no system message, the system prompt is put before the first user message.
    """
    text, _ = _written(tokenizer, messages, prompt)
    return chat_form(tokenizer).controls.show(text)


def tokenise(tokenizer: "PreTrainedTokenizerBase", messages: Sequence[Message], prompt: str) -> Tokens:
    """The tokens of `render`; the content of a message is never encoded as control tokens."""
    text, _ = _written(tokenizer, messages, prompt)
    return chat_form(tokenizer).controls.tokenise(text)


def encode(tokenizer: "PreTrainedTokenizerBase", messages: Sequence[Message], prompt: str) -> Encoded:
    """Tokenise a conversation and find the token positions of its supporter turns.

    Raises:
        InputError: the template renders turns in a way that cannot be trained on, see `check_template`.
    """
    text, turns = _written(tokenizer, messages, prompt)
    tokens = chat_form(tokenizer).controls.tokenise(text)
    spans = [_token_range(tokenizer, turn, tokens) for turn in turns]
    return Encoded(tokens.ids, spans, _head(text, tokens, prompt))


def check_chat_template(folder: Path) -> None:
    """Check the tokenizer and chat template of a model folder; no weights are loaded.

    Raises:
        InputError: there is no tokenizer or no chat template, or `check_template` fails.
    """
    from eva.models.loading import load_tokenizer

    check_template(load_tokenizer(folder))


def check_template(tokenizer: "PreTrainedTokenizerBase") -> None:
    """Encode a short conversation, so that a template that cannot be trained on is refused early.

    Raises:
        InputError: the tokenizer is slow (gives no character offsets), or the template changes the text
            of turns, renders earlier turns differently later, or has no end-of-turn token.
    """
    if not tokenizer.is_fast:
        raise InputError(
            f"{model_name(tokenizer)} has a slow tokenizer, which does not give the characters of each "
            "token; save it as `tokenizer.json`, or choose another backbone"
        )
    for prompt in ("eva", "cot"):
        encode(tokenizer, PROBE, prompt)


def _written(
    tokenizer: "PreTrainedTokenizerBase", messages: Sequence[Message], prompt: str
) -> tuple[str, list[tuple[int, int]]]:
    """The rendered conversation with hidden control tokens, and the character range of each response."""
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
        raise InputError(f"the text of turn {index + 1}, a response, is empty; add the text or drop the turn")
    return content


def _token_range(tokenizer: "PreTrainedTokenizerBase", span: tuple[int, int], tokens: Tokens) -> range:
    """The tokens of a range of characters; `InputError` if a token crosses its borders."""
    inside = [i for i, (a, b) in enumerate(tokens.offsets) if span[0] <= a and b <= span[1] and a < b]
    crossing = any(a < border < b for a, b in tokens.offsets for border in span)
    end = end_of_turn(tokenizer)
    if crossing or not inside or tokens.ids[inside[-1]] != end.id or len(inside) < 2:
        raise template_fault(
            tokenizer,
            f"does not end an assistant turn in the single token {end.text!r} right after its text, "
            "or its tokenizer joins the turn with the text around it into one token",
        )
    return range(inside[0], inside[-1] + 1)


def _head(text: str, tokens: Tokens, prompt: str) -> int:
    """The number of tokens up to the end of the system prompt."""
    system = system_prompt(prompt)
    border = text.find(system) + len(system)
    return sum(b <= border for _, b in tokens.offsets)
