"""Near-duplicates among short texts."""

import re
from collections.abc import Iterable, Iterator

_SHINGLE = 3  # words
NEAR = 0.8  # least share of common shingles


def shingles(text: str) -> frozenset[tuple[str, ...]]:
    """The runs of three words of a text in lower case without punctuation; of a shorter text, the whole."""
    words = re.findall(r"\w+", text.casefold())
    runs = range(max(1, len(words) - _SHINGLE + 1))
    return frozenset(tuple(words[start : start + _SHINGLE]) for start in runs)


def are_near(one: frozenset[tuple[str, ...]], other: frozenset[tuple[str, ...]]) -> bool:
    """Whether two texts, as `shingles`, have at least 80 % of their runs in common (Jaccard)."""
    return len(one & other) >= NEAR * len(one | other)


def near_pairs(
    left: Iterable[tuple[str, str]], right: Iterable[tuple[str, str]]
) -> Iterator[tuple[str, str]]:
    """Names of the texts of `left` (name, text) with the first near one of `right`.

    Only texts with a common run are compared.
    """
    known: list[tuple[str, frozenset[tuple[str, ...]]]] = []
    places: dict[tuple[str, ...], list[int]] = {}
    for name, text in right:
        runs = shingles(text)
        for run in runs:
            places.setdefault(run, []).append(len(known))
        known.append((name, runs))
    for name, text in left:
        runs = shingles(text)
        for number in sorted({place for run in runs for place in places.get(run, ())}):
            if are_near(runs, known[number][1]):
                yield name, known[number][0]
                break
