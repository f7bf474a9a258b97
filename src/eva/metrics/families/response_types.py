"""RQ2: response types by phrase lists (paper section 7.2, Appendix D, Tables 4 and 5)."""

import re
from collections import Counter
from functools import lru_cache, partial
from typing import Any

import numpy as np

from eva.metrics.catalogue import detail, metric
from eva.metrics.sample import Sample
from eva.metrics.type_phrases import PHRASES, TYPE_NAMES
from eva.metrics.wording import normalise
from eva.statistics.estimators import Statistic

RULE = (
    "One type a response: that of the phrase of Tables 4 and 5 that begins earliest; of phrases that begin "
    "together, the longest; O if none occurs. Whole words of the lower-cased text, apostrophes made "
    "straight, contractions spelt out on both sides; punctuation in a phrase counts"
)


@lru_cache(maxsize=1)
def _search() -> tuple[re.Pattern[str], dict[str, str]]:
    """A pattern that finds the earliest and then longest phrase, and a map from phrase to type."""
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


def type_share(sample: Sample, name: str) -> Statistic:
    """Percent of responses of one type."""
    return sample.mean(np.array([100.0 * (response_type(text) == name) for text in sample.responses]))


for _key, _name in TYPE_NAMES.items():
    metric(
        f"response_type/{_key}",
        family="response_type",
        heading=_key.upper(),
        table="wording",
        unit="percent",
        decimals=1,
        bounds=(0, 100),
        needs=("latin",),
        higher_is_better=None,
        definition=f"Share of responses of the type {_name}. {RULE}. No smoothing; share over responses.",
    )(partial(type_share, name=_key))


@detail("response_type")
def type_counts(sample: Sample, _: int) -> dict[str, Any]:
    """Count of every type, for Figures 3 and 7."""
    counts = Counter(response_type(text) for text in sample.responses)
    return {"counts": {name: counts[name] for name in TYPE_NAMES}}
