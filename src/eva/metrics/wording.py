"""Normalisation of English chat text before a search for phrases."""

import re
from functools import lru_cache

_APOSTROPHES = str.maketrans(dict.fromkeys("’‘ʼ`´′", "'"))
_SPELT_OUT = [
    (re.compile(r"\bi'm\b|\bim\b"), "i am"),
    (re.compile(r"\b(i|you|we|they)'?ve\b"), r"\1 have"),
    (re.compile(r"\b(you|they)'?re\b|\b(we)'re\b"), r"\1\2 are"),
    (re.compile(r"\b(it|that|what|there|here|he|she|who|how|where)'s\b"), r"\1 is"),
    (re.compile(r"\b(that|what)s\b"), r"\1 is"),
    (re.compile(r"\b(i|you|he|she|we|they|it|that|there)'ll\b"), r"\1 will"),
    (re.compile(r"\b(i|you|he|she|we|they|it|that)'d\b"), r"\1 would"),
    (re.compile(r"\bcan't\b|\bcannot\b"), "can not"),
    (re.compile(r"\bwon't\b"), "will not"),
    (re.compile(r"\b(\w+)n't\b"), r"\1 not"),
    (re.compile(r"\bok\b"), "okay"),
]


@lru_cache(maxsize=1 << 16)
def normalise(text: str) -> str:
    """The text in lower case, with straight apostrophes, contractions spelt out, single spaces.

    Punctuation stays. Contractions without an apostrophe are spelt out only if they are not another word
    ("youre" but not "were"; "its" and "lets" stay).
    """
    text = " ".join(text.lower().translate(_APOSTROPHES).split())
    for pattern, spelt_out in _SPELT_OUT:
        text = pattern.sub(spelt_out, text)
    return text
