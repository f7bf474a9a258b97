"""Whether a text looks like English, by the share of its words that are common English words.

A small model slips into another language, or into no language at all. Of the utterances of ESConv's
supporters the rule takes one in a thousand for another language, mostly very short ones.
"""

import re

from eva.metrics.scripts import is_latin

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_FEWEST = 5  # words; fewer than these prove nothing ("Definitely, worth a try")
_LEAST_COMMON = 0.15  # of the words of a text; English has about half
# Frequent English words, without those that are as frequent in another language (`no`, `me`, `he`, `on`).
_COMMON = frozenset(
    """the and you your that this is are was were be been have has had it of to i my we they she his her with
    for not does did can will would could should what how when why who if but so or about just like there here
    from at as all more some than then them know think feel feeling good hard sorry really sounds yes yeah
    okay thank thanks hello hi very well too now time get got going want need help out up am i'm it's that's
    don't you're i've i'll let tell make sure something anything things thing maybe because by any much
    many""".split()  # noqa: SIM905 - a list of words reads best as words
)


def looks_english(text: str) -> bool:
    """False for a text mostly in letters other than a to z, or with few common English words.

    Texts of fewer than five words are too short to tell and count as English.
    """
    if not is_latin(text):
        return False
    words = _WORD.findall(text.lower().replace("’", "'"))
    return len(words) < _FEWEST or sum(word in _COMMON for word in words) >= _LEAST_COMMON * len(words)
