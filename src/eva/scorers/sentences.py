"""The sentences of a response, and which of them EPITOME's rationales point at."""

import math
import re
from collections.abc import Sequence

_ENDS = re.compile(r"(?<=[.!?])\s+|\n+")
_NOT_WORDS = re.compile(r"\W+")
# A rationale that is no run of words of the response was edited: this share of the shorter's words will do.
_SHARED = 0.6


def sentences(text: str) -> list[str]:
    """The sentences of `text` that have a word character; all of `text` if none has, so never empty."""
    found = [part.strip() for part in _ENDS.split(text) if re.search(r"\w", part)]
    return found or [text]


def cues(sentence: str) -> tuple[float, float]:
    """What an encoder's mean says badly: 1 for a question mark, and the logarithm of 1 + words."""
    return float("?" in sentence), math.log1p(len(sentence.split()))


def marked(parts: Sequence[str], rationales: Sequence[str]) -> list[bool]:
    """Which sentences `parts` overlap a rationale, case and punctuation aside; all, if none does.

    They overlap if one's words stand in the other in a row, or if they share three fifths of the
    distinct words of the shorter. A degree that points nowhere is the whole response's.
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
