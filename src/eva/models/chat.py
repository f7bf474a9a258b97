"""Conversations as token sequences for training and generation (ADR 6 to 8).

Both use the same chat template and prompt. A dialogue that is longer than the context is divided so that
every supporter turn is still trained on and generated. Other packages use the chat format only through
this module, so it also exports names of `prompts` and `template`.
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

IGNORE = -100  # the label that cross-entropy ignores


@dataclass(frozen=True, slots=True)
class Window:
    """One training sequence.

    `labels` has the length of `input_ids` and is -100 except on the supporter turns that are trained on
    here; `turns` are the numbers of these turns among the supporter turns of the dialogue, from 1.
    """

    input_ids: list[int]
    labels: list[int]
    turns: tuple[int, ...]

    @property
    def n_supervised(self) -> int:
        return sum(label != IGNORE for label in self.labels)


@dataclass(frozen=True, slots=True)
class _Piece:
    """The messages of one window, `start` to `stop` (exclusive), and the supporter turns to train on."""

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
    """The dialogue as training sequences of at most `max_length` tokens each, usually one.

    A dialogue that is too long becomes several windows that overlap in their history. Every supporter
    turn is trained on in exactly one window, where it has as much history as fits, starting with a user
    turn after the system prompt. If a turn and the one message before it are too long together, only
    the end of them is kept.

    Raises:
        InputError: the dialogue has no supporter turn, or `max_length` is too small for one.
    """
    n_turns = len(_supporter_indices(messages))
    if n_turns == 0:
        raise InputError("a dialogue without a supporter turn has no tokens to train on; drop it")
    messages = messages[: _supporter_indices(messages)[-1] + 1]
    if _length(tokenizer, messages, prompt) <= max_length:
        pieces = [_Piece(0, len(messages), tuple(range(1, n_turns + 1)))]
    else:
        pieces = _plan(tokenizer, messages, prompt, max_length)
    windows = [_window(tokenizer, messages[p.start : p.stop], p.turns, prompt, max_length) for p in pieces]
    supervised = [turn for window in windows for turn in window.turns]
    if supervised != list(range(1, n_turns + 1)) or not all(w.n_supervised for w in windows):
        raise InputError(
            f"only supporter turns {supervised} of {n_turns} fit into {max_length} tokens; raise `max_length`"
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
    """One sequence for each response to a history (a preference pair); only the response has labels.

    All have the same history: as much as fits into `max_length` with the longest response.

    Raises:
        InputError: the history does not end with the user.
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
    """The token ids of the prompt for a response to `history`.

    The oldest turns are dropped until the prompt fits into `max_length` tokens; the system prompt is kept.

    Raises:
        InputError: the history does not end with the user.
    """
    _require_user_last(history)
    start = _first_start(tokenizer, history, prompt, max_length)
    ids = tokenise(tokenizer, history[start:], prompt).ids
    if len(ids) <= max_length:
        return ids
    return _keep_ends(ids, encode(tokenizer, history[start:], prompt).head, max_length)


def _require_user_last(history: Sequence[Message]) -> None:
    if not history or history[-1]["role"] != "user":
        raise InputError("a history must end with a user turn; drop the turns after the last user turn")


def _plan(
    tokenizer: "PreTrainedTokenizerBase", messages: Sequence[Message], prompt: str, max_length: int
) -> list[_Piece]:
    """The longest history that fits, for each supporter turn; turns with the same start share a window."""
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
        return 0  # `render` raises the error
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
    stop = encoded.spans[-1].stop  # what the template writes after the last turn is not trained on
    ids, labels = encoded.ids[:stop], labels[:stop]
    if len(ids) > max_length:
        head = encoded.head
        ids, labels = _keep_ends(ids, head, max_length), _keep_ends(labels, head, max_length)
    return Window(ids, labels, turns)


def _keep_ends(values: list[int], head: int, max_length: int) -> list[int]:
    """The system prompt (the first `head` tokens) and the end; only the end if the system prompt is long."""
    head = head if head <= max_length // 2 else 0
    return values[:head] + values[len(values) - (max_length - head) :]


def _supporter_indices(messages: Sequence[Message]) -> list[int]:
    return [i for i, message in enumerate(messages) if message["role"] == "assistant"]


def _length(tokenizer: "PreTrainedTokenizerBase", messages: Sequence[Message], prompt: str) -> int:
    return len(tokenise(tokenizer, messages, prompt).ids)
