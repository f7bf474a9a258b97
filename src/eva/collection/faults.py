"""What makes a generated response no candidate: refusals, leaks of the prompt, copies and excess length."""

import re
from collections.abc import Iterable, Sequence

from eva.data.candidates import Candidate
from eva.data.near_duplicates import are_near, shingles
from eva.data.responses import Response
from eva.models.prompts import LEVEL_PROMPTS, SYSTEM_PROMPT

FAULTS = {
    "withheld": "the server withheld it",
    "refusal": "the model refuses or speaks of itself as a machine",
    "empty": "it holds no text",
    "cut_off": "it was cut off at `generate.max_new_tokens`",
    "over_long": "it has more words than `max_words`",
    "leak": "it repeats words of the prompt, or speaks for the help-seeker",
    "copy": "it repeats a turn of the dialogue",
    "duplicate": "it is nearly another candidate of its item",
}

_REFUSAL = re.compile(
    r"\bas an? (?:ai|artificial intelligence|(?:large )?language model|chatbot|(?:ai )?assistant)\b"
    r"|\bi(?:'m| am) (?:just |only )?an? (?:ai|artificial intelligence|(?:large )?language model|chatbot)\b"
    r"|\bi(?:'m| am)? ?(?:can(?:no|')t|can not|not able to|unable to|won't|will not)"
    r" (?:help(?! but)|assist|provide|fulfil|comply|generate|engage|respond|discuss|create)\b",
    re.IGNORECASE,
)
_LEAK = re.compile(
    r"\blevel ?[1-4]\b|\bhelp-?seekers?\b|\bsupporters?:|\b(?:user|assistant|seeker):|\bdialogue history\b"
    r"|\bradical genuineness\b|\blistening and observing\b|\baccurate reflection\b|\bcriteria below\b"
    r"|\bsupporting utterances?\b|<\|",
    re.IGNORECASE,
)
_RUN = 8  # words in a row that only a copy of the prompt has in common with it


def fault_of(response: Response, max_words: int) -> str | None:
    """The first of `FAULTS` that a response has by itself; None if it has none."""
    text = response.response
    if response.finish == "filtered":
        return "withheld"
    if response.finish == "length":
        return "cut_off"
    if not text.strip():
        return "empty"
    if _REFUSAL.search(text.replace("’", "'")):
        return "refusal"
    if _LEAK.search(text) or _runs(text) & _PROMPTS:
        return "leak"
    if len(text.split()) > max_words:
        return "over_long"
    said = shingles(text)
    return "copy" if any(are_near(said, shingles(turn["content"])) for turn in response.history) else None


def is_duplicate(text: str, others: Iterable[Candidate]) -> bool:
    """Whether a text is nearly one of the other candidates of its item."""
    runs = shingles(text)
    return any(are_near(runs, shingles(other.text)) for other in others)


def _runs(text: str) -> set[tuple[str, ...]]:
    words: Sequence[str] = re.findall(r"\w+", text.casefold())
    return {tuple(words[start : start + _RUN]) for start in range(len(words) - _RUN + 1)}


_PROMPTS = set().union(*(_runs(text) for text in (SYSTEM_PROMPT, *LEVEL_PROMPTS.values())))
