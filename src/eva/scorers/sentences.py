"""Splitting a response into sentences, and finding the sentences that EPITOME's rationales mark."""

import math
import re
from collections.abc import Sequence

_ENDS = re.compile(r"(?<=[.!?])\s+|\n+")
_NOT_WORDS = re.compile(r"\W+")
# An edited rationale is not a word sequence of the response: this share of the shorter's words must match.
_SHARED = 0.6


def sentences(text: str) -> list[str]:
    """The sentences of `text` with at least one word character; the whole text if there is none."""
    found = [part.strip() for part in _ENDS.split(text) if re.search(r"\w", part)]
    return found or [text]


def cues(sentence: str) -> tuple[float, float]:
    """Features that an encoder's mean represents badly: 1 for a question mark, and log(1 + words)."""
    return float("?" in sentence), math.log1p(len(sentence.split()))


def marked(parts: Sequence[str], rationales: Sequence[str]) -> list[bool]:
    """Whether each sentence of `parts` overlaps a rationale, ignoring case and punctuation.

    They overlap if the words of one are contiguous in the other, or if they share three fifths of the
    distinct words of the shorter. If no sentence overlaps, all are marked: the degree then concerns the
    whole response.
    """
    spans = [words for words in map(_words, rationales) if words]
    hits = [any(_overlap(_words(part), span) for span in spans) for part in parts]
    return hits if any(hits) else [True] * len(parts)


def _words(text: str) -> list[str]:
    return _NOT_WORDS.sub(" ", text.lower()).split()


def _overlap(one: Sequence[str], other: Sequence[str]) -> bool:
    if not one or not other:
        return False
    left, right = (f" {' '.join(words)} " for words in (one, other))
    shared = len({*one} & {*other})
    return left in right or right in left or shared >= _SHARED * min(len({*one}), len({*other}))
