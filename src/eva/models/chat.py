"""Conversations as token sequences for training and generation (ADR 6 to 8).

One template and one prompt serve both; what does not fit the context is cut so that no supporter
turn loses its supervision or its score. This module is the front door of the chat format: the
names of `prompts` and `template` that others need are here too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from eva.errors import InputError
from eva.models.chat_form import EndToken, Message
from eva.models.prompts import COT_PROMPT, SYSTEM_PROMPT, Extracted, extract_response, system_prompt
from eva.models.template import (
    check_chat_template,
    check_template,
    encode,
    end_of_turn,
    prompt_sha,
    render,
    tokenise,
)

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = [
    "COT_PROMPT",
    "IGNORE",
    "SYSTEM_PROMPT",
    "EndToken",
    "Extracted",
    "Message",
    "Window",
    "check_chat_template",
    "check_template",
    "encode_dialogue",
    "encode_prompt",
    "encode_responses",
    "end_of_turn",
    "extract_response",
    "prompt_sha",
    "render",
    "system_prompt",
]

IGNORE = -100  # the label that cross-entropy leaves out


@dataclass(frozen=True, slots=True)
class Window:
    """One training sequence; `labels` are -100 except on the supporter turns it supervises.

    `turns` counts those turns among the dialogue's supporter turns, from 1.
    """

    input_ids: list[int]
    labels: list[int]
    turns: tuple[int, ...]

    @property
    def n_supervised(self) -> int:
        return sum(label != IGNORE for label in self.labels)


@dataclass(frozen=True, slots=True)
class _Piece:
    """Messages `start` to `stop` (exclusive), of which the last `turns` supporter turns are new."""

    start: int
    stop: int
    turns: tuple[int, ...]


def encode_dialogue(
    tokenizer: "PreTrainedTokenizerBase",
    messages: Sequence[Message],
    *,
    prompt: str = "eva",
    max_length: int,
) -> list[Window]:
    """The dialogue as training sequences of at most `max_length` tokens.

    Mostly one. A longer dialogue becomes windows that overlap in history: every supporter turn is
    supervised in exactly one, and there it sees as much history as fits, from a user turn on and
    after the system prompt. Only a turn that does not fit with the one message before it is cut:
    its end stays. Raises `InputError` if there is nothing to supervise.
    """
    n_turns = len(_supporter_indices(messages))
    if n_turns == 0:
        raise InputError("a dialogue without a supporter turn has zero supervised tokens; drop it")
    messages = messages[: _supporter_indices(messages)[-1] + 1]
    if _length(tokenizer, messages, prompt) <= max_length:
        pieces = [_Piece(0, len(messages), tuple(range(1, n_turns + 1)))]
    else:
        pieces = _plan(tokenizer, messages, prompt, max_length)
    windows = [_window(tokenizer, messages[p.start : p.stop], p.turns, prompt, max_length) for p in pieces]
    supervised = [turn for window in windows for turn in window.turns]
    if supervised != list(range(1, n_turns + 1)) or not all(w.n_supervised for w in windows):
        raise InputError(
            f"supporter turns {supervised} of {n_turns} are supervised at {max_length} tokens; "
            "raise `max_length`"
        )
    return windows


def encode_responses(
    tokenizer: "PreTrainedTokenizerBase",
    history: Sequence[Message],
    responses: Sequence[str],
    *,
    prompt: str = "eva",
    max_length: int,
) -> list[Window]:
    """Several answers to one history (a preference pair), only the answer supervised.

    All see the same history: as much of it as leaves room for the longest answer.
    """
    _require_user_last(history)
    turn = len(_supporter_indices(history)) + 1
    whole = [[*history, {"role": "assistant", "content": response}] for response in responses]
    start = max(_first_start(tokenizer, messages, prompt, max_length) for messages in whole)
    return [_window(tokenizer, messages[start:], (turn,), prompt, max_length) for messages in whole]


def encode_prompt(
    tokenizer: "PreTrainedTokenizerBase",
    history: Sequence[Message],
    *,
    prompt: str = "eva",
    max_length: int,
) -> list[int]:
    """Ids of what the model reads before it answers a history that ends with the user.

    The oldest turns are dropped until it fits into `max_length`; the system prompt stays.
    """
    _require_user_last(history)
    start = _first_start(tokenizer, history, prompt, max_length)
    ids = tokenise(tokenizer, history[start:], prompt).ids
    if len(ids) <= max_length:
        return ids
    return _keep_ends(ids, encode(tokenizer, history[start:], prompt).head, max_length)


def _require_user_last(history: Sequence[Message]) -> None:
    if not history or history[-1]["role"] != "user":
        raise InputError("a history to answer must end with a user turn; drop what stands after the last one")


def _plan(
    tokenizer: "PreTrainedTokenizerBase", messages: Sequence[Message], prompt: str, max_length: int
) -> list[_Piece]:
    """For each supporter turn its longest fitting history; turns with the same start share a window."""
    pieces: list[_Piece] = []
    start = 0
    for turn, index in enumerate(_supporter_indices(messages), start=1):
        start += _first_start(tokenizer, messages[start : index + 1], prompt, max_length)
        if pieces and pieces[-1].start == start:
            pieces[-1] = _Piece(start, index + 1, (*pieces[-1].turns, turn))
        else:
            pieces.append(_Piece(start, index + 1, (turn,)))
    return pieces


def _first_start(
    tokenizer: "PreTrainedTokenizerBase",
    messages: Sequence[Message],
    prompt: str,
    max_length: int,
) -> int:
    """Index of the earliest user turn from which `messages` fit; the last user turn if none does."""
    starts = [i for i, message in enumerate(messages) if message["role"] == "user"]
    if not starts or starts[0] != 0:
        return 0  # `render` says what is wrong with it
    for start in starts[:-1]:
        if _length(tokenizer, messages[start:], prompt) <= max_length:
            return start
    return starts[-1]


def _window(
    tokenizer: "PreTrainedTokenizerBase",
    messages: Sequence[Message],
    turns: tuple[int, ...],
    prompt: str,
    max_length: int,
) -> Window:
    encoded = encode(tokenizer, messages, prompt)
    labels = [IGNORE] * len(encoded.ids)
    for span in encoded.spans[-len(turns) :]:
        labels[span.start : span.stop] = encoded.ids[span.start : span.stop]
    stop = encoded.spans[-1].stop  # what a template writes after the last turn teaches nothing
    ids, labels = encoded.ids[:stop], labels[:stop]
    if len(ids) > max_length:
        head = encoded.head
        ids, labels = _keep_ends(ids, head, max_length), _keep_ends(labels, head, max_length)
    return Window(ids, labels, turns)


def _keep_ends(values: list[int], head: int, max_length: int) -> list[int]:
    """The system part and the end, without the middle; the end alone where the system part is long."""
    head = head if head <= max_length // 2 else 0
    return values[:head] + values[len(values) - (max_length - head) :]


def _supporter_indices(messages: Sequence[Message]) -> list[int]:
    return [i for i, message in enumerate(messages) if message["role"] == "assistant"]


def _length(tokenizer: "PreTrainedTokenizerBase", messages: Sequence[Message], prompt: str) -> int:
    return len(tokenise(tokenizer, messages, prompt).ids)
