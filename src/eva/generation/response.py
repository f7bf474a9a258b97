"""What every way of generating does around the model: seeds, the part that is the response, counts."""

import hashlib
import logging
from collections.abc import Sequence

from eva.data.dialogue import SupporterTurn
from eva.data.responses import Response
from eva.data.thoughts import part_thoughts
from eva.models.prompts import extract_response
from eva.plain_text import storable

log = logging.getLogger(__name__)


def response_at(turn: SupporterTurn, raw: str, prompt: str) -> Response:
    """The response in an answer `raw`: without its thoughts; of a chain of thought what follows its mark.

    The row keeps the whole answer where that is more than the response.
    """
    raw = storable(raw)  # a model can write any character, also NUL
    parted = part_thoughts(raw)
    if prompt == "cot":
        return Response.at(turn, extract_response(parted.answer).response, raw.strip())
    whole = parted.thoughts or parted.unfinished
    return Response.at(turn, parted.answer, raw.strip() if whole else None)


def response_seed(seed: int, turn: SupporterTurn) -> int:
    """A seed of the response's own."""
    name = f"{seed}:{turn.dialogue.id}:{turn.ordinal}"
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:7])


def count(responses: Sequence[Response]) -> dict[str, float]:
    """How many responses there are, how many are empty, and their mean length in words."""
    words = [len(response.response.split()) for response in responses]
    mean = sum(words) / len(words) if words else 0.0
    return {"responses": len(words), "words": round(mean, 2), "empty": words.count(0)}


def report_odd(responses: Sequence[Response], prompt: str) -> None:
    """Say how many responses are empty, or lack the mark that a chain of thought should set."""
    empty = sum(not response.response for response in responses)
    if empty:
        log.warning("%d of %d responses are empty", empty, len(responses))
    if prompt == "cot":
        unmarked = sum(not extract_response(response.raw or "").marked for response in responses)
        log.info("%d of %d answers have no `Response:`; their whole text counts", unmarked, len(responses))
