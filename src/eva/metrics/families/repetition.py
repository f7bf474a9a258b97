"""RQ1: patterned responses (paper sections 2 and 7.1, Figures 2, 6, 10, 11)."""

import heapq
import re
from collections import Counter
from dataclasses import asdict, replace
from functools import lru_cache, partial
from typing import Any

import numpy as np

from eva.metrics.catalogue import detail, metric
from eva.metrics.phrases import ORDERS, THRESHOLDS, TOP_OVERALL, TOP_WITHIN, Phrase
from eva.metrics.sample import Sample
from eva.metrics.wording import normalise
from eva.statistics.estimators import Array, Statistic

_SENTENCE_END = re.compile(r"[.!?;:]+(?=\s|$)")
_WORD = re.compile(r"[\w']+")
_PHRASES = (
    "A phrase is n words in a row within a sentence (n = `evaluate.ngram`, 4 by default), on the "
    "lower-cased text with straight apostrophes and contractions spelt out; the most frequent are taken "
    "from the system's own responses and held fixed under resampling. No smoothing"
)


@lru_cache(maxsize=1 << 16)
def phrases_of(text: str, order: int) -> tuple[tuple[str, ...], ...]:
    """The phrases of `order` words of a response; none crosses the end of a sentence."""
    found: list[tuple[str, ...]] = []
    for sentence in _SENTENCE_END.split(normalise(text)):
        words = _WORD.findall(sentence)
        found += [tuple(words[i : i + order]) for i in range(len(words) - order + 1)]
    return tuple(found)


@lru_cache(maxsize=8)  # four metrics and the table use the same phrases
def top_phrases(sample: Sample, order: int) -> tuple[tuple[tuple[str, ...], int], ...]:
    """The `TOP_OVERALL` most frequent phrases with their counts; equal counts in alphabetical order."""
    counts = Counter(phrase for text in sample.responses for phrase in phrases_of(text, order))
    return tuple(heapq.nsmallest(TOP_OVERALL, counts.items(), key=lambda item: (-item[1], item[0])))


def occurrence(sample: Sample, order: int, size: int) -> Array:
    """Whether each response contains each of the top phrases (rows x up to `size`)."""
    top = [phrase for phrase, _ in top_phrases(sample, order)[:size]]
    held = [set(phrases_of(text, order)) for text in sample.responses]
    flags = [[float(phrase in own) for phrase in top] for own in held]
    return np.array(flags, dtype=np.float64).reshape(len(sample.rows), len(top))


def phrased(sample: Sample) -> int:
    """The number of responses that are long enough for a phrase; at 0, repetition is not measured."""
    return sum(bool(phrases_of(text, sample.ngram)) for text in sample.responses)


def turn_shares(sample: Sample, flags: Array) -> Array:
    """Percent of each dialogue's turns that contain each phrase (dialogues x phrases)."""
    turns = np.bincount(sample.dialogue_of, minlength=len(sample.dialogues))
    return np.asarray(100 * sample.per_dialogue(flags) / turns[:, None], dtype=np.float64)


def share_over(sample: Sample, threshold: int) -> Statistic:
    """Mean over the top phrases of the percent of dialogues above the threshold."""
    flags = occurrence(sample, sample.ngram, TOP_WITHIN)
    above = turn_shares(sample, flags) > threshold
    hits = 100.0 * above.sum(axis=1) / TOP_WITHIN  # a missing phrase counts as not above
    sums = np.stack([hits, np.ones(len(hits))], axis=1)
    return Statistic(sums, n=len(hits), support=phrased(sample))


for _threshold in THRESHOLDS:
    metric(
        f"repetition/over_{_threshold}",
        family="repetition",
        heading=f"> {_threshold} %",
        table="wording",
        unit="percent of dialogues",
        decimals=1,
        bounds=(0, 100),
        needs=("spaces",),
        higher_is_better=False,
        positional=True,
        definition=(
            f"Share of dialogues in which a phrase is in more than {_threshold} % of the supporter's turns, "
            f"mean over the four most frequent phrases. {_PHRASES}. n counts dialogues."
        ),
    )(partial(share_over, threshold=_threshold))


@metric(
    "repetition/top9_share",
    family="repetition",
    heading="Top 9",
    table="wording",
    unit="percent",
    decimals=1,
    bounds=(0, 100),
    needs=("spaces",),
    higher_is_better=False,
    definition=f"Share of responses that have at least one of the nine most frequent phrases. {_PHRASES}.",
)
def top9_share(sample: Sample) -> Statistic:
    """Percent of responses with one of the top nine phrases (Figure 2 gives each phrase's share)."""
    flags = occurrence(sample, sample.ngram, TOP_OVERALL)
    return replace(sample.mean(np.where(flags.any(axis=1), 100.0, 0.0)), support=phrased(sample))


def phrase_table(sample: Sample, order: int) -> list[Phrase]:
    """The rows of Figures 2, 6, 10 and 11 for phrases of `order` words."""
    top = top_phrases(sample, order)
    flags = occurrence(sample, order, TOP_OVERALL)
    shares = turn_shares(sample, flags)
    over = [100 * (shares > threshold).mean(axis=0) for threshold in THRESHOLDS]
    return [
        Phrase(" ".join(phrase), count, float(100 * flags[:, i].mean()), *(float(o[i]) for o in over))
        for i, (phrase, count) in enumerate(top)
    ]


@detail("repetition")
def phrase_tables(sample: Sample, _: int) -> dict[str, Any]:
    """Tables for phrases of 2 to 6 words: the top nine of each."""
    return {str(n): [asdict(row) for row in phrase_table(sample, n)] for n in ORDERS}
