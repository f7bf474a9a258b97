"""Whether a text is in a script that a tokeniser can split.

If it cannot, a metric of n-grams or words counts a whole sentence as one token or finds none, and a perfect
response would get 0.
"""

import re

# Scripts without spaces between words: Thai, Lao, Tibetan, Burmese, Khmer, Japanese, Chinese.
_UNSPACED = re.compile(
    "[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003134f]"
)
_LETTER = re.compile(r"[^\W\d_]")
_LATIN = re.compile("[a-zA-Z]")


def has_spaces(text: str) -> bool:
    """Whether at least half of the letters belong to scripts with spaces between words, or there are none."""
    return 2 * len(_UNSPACED.findall(text)) <= len(_LETTER.findall(text))


def is_latin(text: str) -> bool:
    """Whether at least half of the letters are a to z, or there are none."""
    return 2 * len(_LATIN.findall(text)) >= len(_LETTER.findall(text))
