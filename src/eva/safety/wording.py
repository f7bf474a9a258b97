"""Messages with nearly the same words, which must not stand in both training and test."""

import re
from collections.abc import Iterator, Sequence

from eva.safety.normal_form import normal_form

LIMIT = 0.6  # words in common over all words of both, from which two messages have the same wording
_WORD = re.compile(r"[a-z']+")


def repeated(texts: Sequence[str], known: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each text whose words are at least `LIMIT` those of a known one (Jaccard index), with the nearest."""
    bags = [(_words(text), text) for text in known]
    for text in texts:
        words = _words(text)
        nearest = max(((_overlap(words, bag), like) for bag, like in bags), default=(0.0, ""))
        if nearest[0] >= LIMIT:
            yield text, nearest[1]


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(normal_form(text)))


def _overlap(ours: frozenset[str], theirs: frozenset[str]) -> float:
    return len(ours & theirs) / max(1, len(ours | theirs))
