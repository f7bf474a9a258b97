"""Code shared by all back ends: seeds, extraction of the response, and counts."""

import functools
import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from eva.data.dialogue import SupporterTurn
from eva.data.responses import Response
from eva.data.thoughts import is_thought_mark, part_thoughts
from eva.models.prompts import extract_response
from eva.plain_text import storable
from eva.settings.generate_section import Generate

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

log = logging.getLogger(__name__)


def answer_text(tokenizer: "PreTrainedTokenizerBase", ids: Sequence[int]) -> str:
    """The text of token ids without special tokens, except the marks of thoughts, which are cut later."""
    kept = [i for i in ids if i not in _silent_ids(tokenizer)]
    return str(tokenizer.decode(kept, skip_special_tokens=False)).strip()


@functools.lru_cache(maxsize=8)
def _silent_ids(tokenizer: "PreTrainedTokenizerBase") -> frozenset[int]:
    """Ids of the special tokens to leave out; Magistral's marks of a thought are special, too, but kept."""
    added = tokenizer.added_tokens_decoder.items()
    return frozenset(i for i, token in added if token.special and not is_thought_mark(token.content))


@dataclass(frozen=True, slots=True)
class AnswerParts:
    """An answer in parts: what is said, the whole text where that is more, how it ended, and its thought.

    `marked`: see `Response`; None where no chain of thought was asked for.
    """

    response: str
    raw: str | None
    finish: str
    marked: bool | None = None
    thought: str = ""


def part_answer(raw: str, prompt: str, finish: str) -> AnswerParts:
    """The response in a model's answer `raw`: without thoughts, and for prompt `cot` what follows its mark.

    `finish` is how the answer ended, see `Response`; one that ends within a thought counts as cut off.
    """
    raw = storable(raw)  # a model can generate any character, even NUL
    parted = part_thoughts(raw)
    if parted.unfinished and finish == "stop":
        finish = "length"
    thoughts = "\n".join(parted.thoughts)
    if prompt == "cot":
        found = extract_response(parted.answer)
        thought = f"{thoughts}\n{found.thought}".strip()
        return AnswerParts(found.response, raw.strip(), finish, found.marked and bool(thought), thought)
    whole = parted.thoughts or parted.unfinished
    return AnswerParts(parted.answer, raw.strip() if whole else None, finish, thought=thoughts)


def response_at(turn: SupporterTurn, raw: str, prompt: str, finish: str) -> Response:
    """The response in an answer `raw`; the row keeps the whole answer where that is more."""
    found = part_answer(raw, prompt, finish)
    return Response.at(turn, found.response, found.raw, found.finish, found.marked)


def new_tokens(settings: Generate, prompt: str) -> int:
    """The largest number of new tokens for `prompt`."""
    return settings.cot_max_new_tokens if prompt == "cot" else settings.max_new_tokens


def response_seed(seed: int, turn: SupporterTurn) -> int:
    """The seed of a single response, from the seed of the run, the dialogue and the turn."""
    name = f"{seed}:{turn.dialogue.id}:{turn.ordinal}"
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:7])


def count(responses: Sequence[Response], prompt: str) -> dict[str, float]:
    """The number of responses, their mean length in words, and the numbers of unusual ones.

    `truncated` were cut off; `empty` say nothing though they were neither cut off nor withheld;
    `thoughts` came with one; `unmarked` (prompt `cot` only) lack a thought or the mark after it.
    """
    words = [len(one.response.split()) for one in responses]
    answers = [part_thoughts(one.raw or "") for one in responses]
    found: dict[str, float] = {
        "responses": len(words),
        "words": round(sum(words) / len(words), 2) if words else 0.0,
        "truncated": sum(one.finish == "length" for one in responses),
        "empty": sum(not one.response and one.finish not in ("length", "filtered") for one in responses),
        "thoughts": sum(bool(one.thoughts or one.unfinished) for one in answers),
    }
    if prompt == "cot":
        found["unmarked"] = sum(not one.marked for one in responses)
    return found


_ODD = {
    "truncated": "were cut off; raise `max_new_tokens`",
    "empty": "are empty",
    "thoughts": "came with a thought, which is no part of the response",
    "unmarked": "hold no thought with `Response:` after it; without the mark their whole text counts",
}


def report_odd(counts: Mapping[str, float]) -> None:
    """Log how many responses are unusual, see `count`."""
    for name, what in _ODD.items():
        if counts.get(name):
            log.warning("%d of %d responses %s", counts[name], counts["responses"], what)
