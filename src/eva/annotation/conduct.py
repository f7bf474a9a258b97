"""Signs that an annotator did not read: too fast, always the same, contradicting themselves, guessing.

Nobody is left out because of a sign; it says whose answers to look at (`--without` leaves them out).
How often careful annotators get one: docs/studies/annotation.md.
"""

from collections.abc import Sequence

import numpy as np

from eva.statistics.estimators import Array

# People read 238 words a minute (Brysbaert 2019); 600 is beyond reading. Only the candidates are counted.
FASTEST_WORDS_PER_SECOND = 10.0
FAST_SHARE = 0.25  # of an annotator's items
UNLIKELY = 0.001  # probability, for a careful annotator, below which answers count as constant
CONSTANT_SHARE = 0.9  # of answers that are one level
FEWEST_COMPARISONS = 12  # of repeats: two items with four candidates
MOST_REVERSED = 0.4  # of comparisons; who orders at random reverses half of them


def fast_share(seconds: Sequence[float], words: Sequence[int]) -> float:
    """The share of items that were answered before their candidates could have been read."""
    return float(np.mean(np.asarray(seconds) < np.asarray(words) / FASTEST_WORDS_PER_SECOND))


def is_fast(seconds: Sequence[float], words: Sequence[int]) -> bool:
    """Whether more than a quarter of the items were answered faster than they can be read."""
    return bool(seconds) and fast_share(seconds, words) > FAST_SHARE


def constant_place(places: Sequence[int], sizes: Sequence[int]) -> int | None:
    """The place on the screen that is chosen as best more often than the random order explains.

    Args:
        places: of each item the place, from 0, at which the annotator's best candidate was shown.
        sizes: of each item the number of candidates.
    """
    from scipy.stats import binom

    if not places:
        return None
    counts = np.bincount(places)
    most = int(counts.argmax())
    chance = float(np.mean(1 / np.asarray(sizes)))
    tail = float(binom.sf(counts[most] - 1, len(places), chance))
    return most if tail * max(sizes) < UNLIKELY else None


def constant_level(levels: Sequence[int], others: Sequence[Array]) -> int | None:
    """The level that is nearly always given, although the others on the same items give others.

    Args:
        levels: the annotator's level of each item.
        others: of each item the shares of the other annotators' levels 0 to 4.
    """
    from scipy.stats import binom

    if not levels:
        return None
    counts = np.bincount(levels, minlength=5)
    most = int(counts.argmax())
    expected = float(np.mean([share[most] for share in others]))
    tail = float(binom.sf(counts[most] - 1, len(levels), expected))
    is_same = counts[most] >= CONSTANT_SHARE * len(levels)
    return most if is_same and tail * len(counts) < UNLIKELY else None


def compare_orders(first: Sequence[str], again: Sequence[str]) -> tuple[int, int]:
    """How many pairs of candidates two orders of one item have reversed, and how many pairs both have."""
    both = [name for name in first if name in again]
    pairs = [(one, other) for i, one in enumerate(both) for other in both[i + 1 :]]
    return sum(again.index(one) > again.index(other) for one, other in pairs), len(pairs)


def is_inconsistent(reversed_: int, comparisons: int) -> bool:
    """Whether the answers to repeated items contradict the first ones: a > b and b > a is intransitive."""
    return comparisons >= FEWEST_COMPARISONS and reversed_ > MOST_REVERSED * comparisons


def is_guessing(high: float, chance: float) -> bool:
    """Whether the interval of the error rate, up to `high`, holds the rate of guessing."""
    return high >= chance
