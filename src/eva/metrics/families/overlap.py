"""BLEU-2 and ROUGE-L against the human reference (paper section 5.2, Appendix G).

The paper names NLTK's BLEU and `rouge_score`, both with default settings. The values here equal those of
these libraries on the same tokens; EVA counts by itself, because the libraries are slow (fractions, and
quadratic tables in Python).
"""

import re
from collections import Counter
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from eva.metrics.catalogue import metric
from eva.metrics.formulas import bleu_of_counts, bleu_of_totals
from eva.metrics.sample import Sample
from eva.statistics.estimators import Array, Statistic

_CACHED = 1 << 16  # slices and comparisons use the same texts again
_ROUGE_TOKEN = re.compile(r"[a-z0-9]+")
_BLEU = (
    "BLEU with n-grams of 1 and 2, weights 1/2 each, one reference. Tokens: NLTK's word tokeniser on "
    "the whole response (nltk.word_tokenize with preserve_line=True), case kept. Brevity penalty as "
    "in NLTK. No smoothing (NLTK's default, method0)"
)


@lru_cache(maxsize=1)
def _tokeniser() -> Any:
    from nltk.tokenize.destructive import NLTKWordTokenizer

    return NLTKWordTokenizer()


@lru_cache(maxsize=_CACHED)
def word_tokens(text: str) -> tuple[str, ...]:
    """NLTK word tokens of a text, case kept, without sentence splitting (which needs a download)."""
    return tuple(_tokeniser().tokenize(text))


@lru_cache(maxsize=_CACHED)
def rouge_tokens(text: str) -> tuple[str, ...]:
    """`rouge_score`'s default tokens: runs of a-z and 0-9 of the lower-cased text, no stemming."""
    return tuple(_ROUGE_TOKEN.findall(text.lower()))


def lcs_length(left: tuple[str, ...], right: tuple[str, ...]) -> int:
    """Length of the longest common subsequence; one integer operation computes a row of the table.

    Bit i of the state is 0 if the table increases at position i (Hyyrö 2004).
    """
    places: dict[str, int] = {}
    for i, token in enumerate(left):
        places[token] = places.get(token, 0) | 1 << i
    full = (1 << len(left)) - 1
    state = full
    for token in right:
        matched = state & places.get(token, 0)
        state = (state + matched | state - matched) & full
    return len(left) - state.bit_count()


@lru_cache(maxsize=_CACHED)
def rouge_l(response: str, reference: str) -> float:
    """ROUGE-L F-measure, 0 to 1."""
    ours, theirs = rouge_tokens(response), rouge_tokens(reference)
    common = lcs_length(theirs, ours)
    return 2 * common / (len(ours) + len(theirs)) if common else 0.0


@lru_cache(maxsize=_CACHED)
def _bleu_counts(response: str, reference: str) -> tuple[int, int, int, int, int, int]:
    """(matched unigrams, unigrams, matched bigrams, bigrams, response tokens, reference tokens)."""
    ours, theirs = word_tokens(response), word_tokens(reference)
    ones = _matched(Counter(ours), Counter(theirs))
    twos = _matched(Counter(pairwise(ours)), Counter(pairwise(theirs)))
    # NLTK's denominators are at least 1, in corpus BLEU too.
    return ones, max(1, len(ours)), twos, max(1, len(ours) - 1), len(ours), len(theirs)


def _matched(ours: Counter[Any], theirs: Counter[Any]) -> int:
    return sum(min(count, theirs[ngram]) for ngram, count in ours.items() if ngram in theirs)


def _counts(sample: Sample) -> Array:
    pairs = [_bleu_counts(row.response, row.reference or "") for row in sample.rows]
    return np.array(pairs, dtype=np.float64).reshape(-1, 6)


@metric(
    "overlap/bleu_2",
    family="overlap",
    heading="B-2",
    unit="percent",
    decimals=2,
    bounds=(0, 100),
    higher_is_better=True,
    needs=("references", "spaces"),
    definition=f"{_BLEU}. Mean over responses of sentence BLEU; a response that shares no bigram counts 0.",
)
def bleu_2(sample: Sample) -> Statistic:
    """Mean sentence BLEU-2, which the comparison table shows.

    The paper's values (0.3 to 4.4) have the magnitude of averaged sentence scores without smoothing, and a
    mean over responses gives a short reply the same weight as a long one.
    """
    return sample.mean(100 * bleu_of_counts(_counts(sample)))


@metric(
    "overlap/bleu_2_corpus",
    family="overlap",
    table=None,
    unit="percent",
    decimals=2,
    bounds=(0, 100),
    higher_is_better=True,
    needs=("references", "spaces"),
    definition=f"{_BLEU}. Counts and lengths summed over all responses first (corpus BLEU).",
)
def bleu_2_corpus(sample: Sample) -> Statistic:
    """Corpus BLEU-2."""
    sums = sample.per_dialogue(_counts(sample))
    return Statistic(sums, n=len(sample.rows), estimator=bleu_of_totals)


@metric(
    "overlap/rouge_l",
    family="overlap",
    heading="R-L",
    unit="percent",
    decimals=2,
    bounds=(0, 100),
    higher_is_better=True,
    needs=("references", "latin"),
    definition=(
        "ROUGE-L F-measure, rouge_score's default settings. Tokens: lower-cased runs of letters a-z and "
        "digits, no stemming; longest common subsequence over the whole response, no smoothing. "
        "Mean over responses."
    ),
)
def mean_rouge_l(sample: Sample) -> Statistic:
    """Mean ROUGE-L F-measure."""
    scores = [rouge_l(row.response, row.reference or "") for row in sample.rows]
    return sample.mean(100 * np.array(scores, dtype=np.float64))
