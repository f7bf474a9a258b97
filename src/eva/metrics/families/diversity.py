"""Distinct n-grams over all n-grams (Li et al. 2016), per corpus and per response."""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import numpy as np

from eva.metrics.catalogue import metric
from eva.metrics.families.overlap import word_tokens
from eva.metrics.sample import Sample
from eva.statistics.estimators import Statistic, linearised

_TOKENS = "Tokens: NLTK's word tokeniser on the whole response, lower-cased. No smoothing."


def ngrams(text: str, order: int) -> Sequence[object]:
    """The n-grams of a response's lower-cased tokens, for order 1 or 2."""
    tokens = [token.lower() for token in word_tokens(text)]
    return tokens if order == 1 else list(pairwise(tokens))


def corpus_distinct(sample: Sample, order: int) -> Statistic:
    """Percent of the n-grams of all responses that are distinct."""
    numbers: dict[object, int] = {}
    coded = [
        np.array([numbers.setdefault(gram, len(numbers)) for gram in ngrams(text, order)], dtype=np.int64)
        for text in sample.responses
    ]
    lengths = np.array([len(codes) for codes in coded], dtype=np.int64)
    everything = np.concatenate([*coded, np.zeros(0, dtype=np.int64)])
    owners = np.repeat(sample.dialogue_of, lengths)
    size, distinct = len(sample.dialogues), len(numbers)
    # A (n-gram, dialogue) pair once: an n-gram with one pair vanishes with its dialogue.
    pairs = np.unique(everything * max(size, 1) + owners)
    held_by = np.bincount(pairs // max(size, 1), minlength=distinct)
    own = np.bincount((pairs % max(size, 1))[held_by[pairs // max(size, 1)] == 1], minlength=size)
    left = len(everything) - np.bincount(owners, minlength=size)
    without = 100 * (distinct - own) / np.maximum(left, 1)
    value = 100 * distinct / max(len(everything), 1)
    return linearised(value if len(everything) else np.nan, without.astype(np.float64), n=len(everything))


def response_distinct(sample: Sample, order: int) -> Statistic:
    """Mean over responses of the percent of a response's own n-grams that are distinct."""
    grams = [ngrams(text, order) for text in sample.responses]
    totals = np.array([len(found) for found in grams], dtype=np.float64)
    distinct = np.array([len(set(found)) for found in grams], dtype=np.float64)
    return sample.mean(100 * distinct / np.maximum(totals, 1), counted=(totals > 0).astype(np.float64))


for _order in (1, 2):
    metric(
        f"diversity/dist_{_order}",
        family="diversity",
        heading=f"D-{_order}",
        table="comparison" if _order == 2 else None,
        unit="percent",
        decimals=2,
        bounds=(0, 100),
        higher_is_better=True,
        needs=("spaces",),
        definition=(
            f"Dist-{_order}: distinct {_order}-grams of all responses together over all their "
            f"{_order}-grams (per corpus; falls as a corpus grows, so compare equal turns only). {_TOKENS} "
            "n counts n-grams. Interval: bootstrap over dialogues, linearised by leaving each out."
        ),
    )(partial(corpus_distinct, order=_order))
    metric(
        f"diversity/dist_{_order}_response",
        family="diversity",
        table=None,
        unit="percent",
        decimals=2,
        bounds=(0, 100),
        higher_is_better=True,
        needs=("spaces",),
        definition=(
            f"Dist-{_order} within a response, mean over the responses that have a {_order}-gram. {_TOKENS}"
        ),
    )(partial(response_distinct, order=_order))
