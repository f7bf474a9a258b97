"""Normalisation of messages as people type them, so that rules can match them."""

import re
import unicodedata

_QUOTES = str.maketrans({"’": "'", "‘": "'", "`": "'", "´": "'", "“": '"', "”": '"'})
_DIGITS = str.maketrans("013457@$!", "oieastasi")  # su1c1de, k!ll
_DISGUISED = re.compile(r"\b(?=\w*[a-z])[a-z]+[013457@$!]+[a-z]+[a-z013457@$!]*\b")
_SPACED = re.compile(r"\b(?:[a-z][ .\-_*]){3,}[a-z]\b")  # k i l l, s-u-i-c-i-d-e
_STRETCHED = re.compile(r"([a-z])\1{2,}")  # dieeee
_SPELLINGS = {
    r"won't": "will not",
    r"can't|cant|can not": "cannot",
    r"(?<=[a-z]) ?n't": " not",
    r"\b(do|does|did|is|was|would|could|should|have|has|had|are|were)nt\b": r"\1 not",
    r"\bi'm|\bim\b": "i am",
    r"(?<=[a-z])'re\b": " are",
    r"(?<=[a-z])'ve\b": " have",
    r"(?<=[a-z])'ll\b": " will",
    r"(?<=[a-z])'d\b": " would",
    r"\b(he|she|it|there|that)'s\b": r"\1 is",
    r"\bwanna\b": "want to",
    r"\b(gonna|goin to)\b": "going to",
    r"\bany more\b": "anymore",
    r"\bmy self\b": "myself",
    r"\b(kms)\b": "kill myself",
    r"\bkys\b": "kill yourself",
    r"\b(unalive|k[il*]{2,3}l?|kil)(?=\b|ing\b|ed\b)": "kill",
    r"\b(su[iy]?c[iy]?d[el]?|sewerslide)\b": "suicide",
    r"\bself[- ]?harm": "self-harm",
    r"\b(just|really|honestly|literally|only|actually|also|even|kind of|sometimes) ": "",
}
_COMPILED = [(re.compile(pattern), plain) for pattern, plain in _SPELLINGS.items()]


def normal_form(message: str) -> str:
    """The message in lower case, with contractions and disguised words written out and single spaces.

    >>> normal_form("I’m gonna k i l l  myself")
    'i am going to kill myself'
    """
    text = unicodedata.normalize("NFKC", message).translate(_QUOTES).lower()
    text = "".join(one for one in text if unicodedata.category(one) != "Cf")  # zero-width characters
    text = _DISGUISED.sub(lambda found: found.group().translate(_DIGITS), text)
    text = _SPACED.sub(lambda found: re.sub(r"[ .\-_*]", "", found.group()), text)
    text = _STRETCHED.sub(r"\1", text)
    for pattern, plain in _COMPILED:
        text = pattern.sub(plain, text)
    return " ".join(text.split())
