"""RQ2: response types by phrase lists (paper section 7.2, Appendix D, Tables 4 and 5)."""

import re
from collections import Counter
from functools import lru_cache, partial
from typing import Any

import numpy as np

from eva.metrics.catalogue import metric
from eva.metrics.sample import Sample
from eva.metrics.wording import normalise
from eva.statistics.bootstrap import Additive

TYPE_NAMES = {
    "uv": "Understanding and Validation",
    "sr": "Shared Experiences and Relatability",
    "ep": "Encouragement and Positivity",
    "hc": "Help and Compassion",
    "ss": "Solution Suggestion",
    "o": "Other Types",
}

# The phrases that the paper prints: Table 4 (uv, ep, hc) and Table 5 (ss, sr).
PHRASES: dict[str, tuple[str, ...]] = {
    "uv": (
        "i can feel how", "i can imagine how you feel", "i can see that you are",
        "i can see why you feel that way", "i can understand", "i completely understand", "i get it",
        "i hear you", "i see what you mean", "i see,", "i understand", "it is understandable",
        "it sounds like", "sorry to hear", "that makes sense", "that must have been hard",
        "you must be feeling", "you seem really", "your feelings are",
    ),
    "sr": (
        "i have been", "i have felt that way before", "i know what that's like", "i remember",
        "it is okay to feel this way", "we all go through this sometimes",
    ),
    "ep": (
        "everything will be okay", "keep going", "keep pushing forward", "stay strong",
        "that is a great", "that's good", "things will get better", "you are doing great",
        "you are doing your best", "you're not alone in this", "you are strong", "you can do it",
        "you're doing great", "you're stronger than you think", "you've got this",
    ),
    "hc": (
        "how can i help?", "i am always here", "i am here", "i am sorry you're going through this",
        "i am with you", "i can help", "i care about you", "i could help",
        "i will do my best to help", "if you need any help, let me know",
        "if you need anything else just let me know", "you are important to me",
        "you are not alone", "you can count on me",
    ),
    "ss": (
        "have you considered", "have you thought about", "here are few steps", "here are few things",
        "i also recommend", "i do have some suggestions", "i recommend", "i think you should",
        "i want you to", "i would also recommend", "i would suggest", "it is important to",
        "it may be a good option", "it might be a good option", "just try not to", "just try to",
        "let's", "would you consider", "you can try", "you could", "you have to", "you should try",
    ),
}  # fmt: skip

RULE = (
    "One type a response: that of the phrase of Tables 4 and 5 that begins earliest; of phrases that begin "
    "together, the longest; O if none occurs. Whole words of the lower-cased text, apostrophes made "
    "straight, contractions spelt out on both sides; punctuation in a phrase counts"
)


@lru_cache(maxsize=1)
def _search() -> tuple[re.Pattern[str], dict[str, str]]:
    """A pattern that finds the earliest, then longest phrase, and each phrase's type."""
    types = {normalise(phrase): name for name, phrases in PHRASES.items() for phrase in phrases}
    ordered = sorted(types, key=len, reverse=True)
    parts = [re.escape(phrase) + (r"(?!\w)" if phrase[-1].isalnum() else "") for phrase in ordered]
    return re.compile(rf"(?<!\w)(?:{'|'.join(parts)})"), types


@lru_cache(maxsize=1 << 16)
def response_type(text: str) -> str:
    """The type of one response: a key of `TYPE_NAMES`."""
    pattern, types = _search()
    found = pattern.search(normalise(text))
    return types[found.group()] if found else "o"


def type_share(sample: Sample, name: str) -> Additive:
    """Percent of responses of one type."""
    return sample.mean(np.array([100.0 * (response_type(text) == name) for text in sample.responses]))


for _key, _name in TYPE_NAMES.items():
    metric(
        f"response_type/{_key}",
        family="response_type",
        unit="percent",
        higher_is_better=None,
        definition=f"Share of responses of the type {_name}. {RULE}. No smoothing; share over responses.",
    )(partial(type_share, name=_key))


def detail(sample: Sample) -> dict[str, Any]:
    """Count of every type, for Figures 3 and 7."""
    counts = Counter(response_type(text) for text in sample.responses)
    return {"counts": {name: counts[name] for name in TYPE_NAMES}}
