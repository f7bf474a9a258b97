"""How well EPITOME's degrees agree with themselves, where a pair was annotated more than once.

Usage: python docs/studies/epitome_noise.py FOLDER_OF_EPITOME docs/studies/epitome_noise-tables.md

One annotation is taken as a scorer's guess at the other, in both directions: a scorer that is as
close to an annotation as a second annotation is cannot be told from an annotator.
"""

import sys
from collections import defaultdict
from collections.abc import Sequence
from itertools import permutations
from pathlib import Path

import numpy as np
from sklearn.metrics import accuracy_score, f1_score

from eva.artifacts import write_text
from eva.data.epitome import MECHANISM_FILES, EpitomePair, load_epitome

DEGREES = (0, 1, 2)
RESAMPLES = 2000

HEAD = """\
# Pairs of post and response that were annotated more than once

Made by `docs/studies/epitome_noise.py`. Intervals: 95 %, resampled pairs. *Confirmed*: rows of degree 1
that another annotation gives degree 1 too. *Rationales*: of the pairs whose annotations agree on a
degree above 0, those that mark different words, so that neither copies the other.

| | pairs | agreement | macro-F1 | F1 of 0 | 1 | 2 | degree 1 | confirmed | rationales |
|---|---|---|---|---|---|---|---|---|---|"""

Rows = Sequence[EpitomePair]


def main(corpus: Path, out: Path) -> None:
    """Compare the annotations of equal pairs and write the table."""
    rows = [_row(mechanism, _repeated(corpus, mechanism)) for mechanism in MECHANISM_FILES]
    write_text(out, "\n".join([HEAD, *rows, ""]))


def _repeated(corpus: Path, mechanism: str) -> list[Rows]:
    rows: dict[tuple[str, str], list[EpitomePair]] = defaultdict(list)
    for pair in load_epitome(corpus, mechanism):
        rows[pair.seeker_id, pair.response_id].append(pair)
    return [same for same in rows.values() if len(same) > 1]


def _row(mechanism: str, repeated: Sequence[Rows]) -> str:
    draws = np.random.default_rng(0).integers(len(repeated), size=(RESAMPLES, len(repeated)))
    resampled = np.array([_scores([repeated[i] for i in draw]) for draw in draws])
    low, high = np.quantile(resampled, [0.025, 0.975], axis=0)
    accuracy, macro, *by_degree = _scores(repeated)
    cells = [
        f"{accuracy:.3f} ({low[0]:.3f} to {high[0]:.3f})",
        f"{macro:.3f} ({low[1]:.3f} to {high[1]:.3f})",
        *(f"{one:.3f}" for one in by_degree),
        *_weak(repeated),
        _own_rationales(repeated),
    ]
    return " | ".join([f"| {mechanism.upper()}", str(len(repeated)), *cells]) + " |"


def _scores(repeated: Sequence[Rows]) -> list[float]:
    """Accuracy, macro-F1 and the F1 of every degree, of one annotation as a guess at another."""
    guesses = [(one.level, other.level) for same in repeated for one, other in permutations(same, 2)]
    given, guessed = zip(*guesses, strict=True)
    f1 = f1_score(given, guessed, labels=DEGREES, average=None, zero_division=0)
    return [accuracy_score(given, guessed), f1.mean(), *f1]


def _weak(repeated: Sequence[Rows]) -> tuple[str, str]:
    """Rows of degree 1, and those of them that another annotation of the pair confirms."""
    counts = [sum(row.level == 1 for row in same) for same in repeated]
    return str(sum(counts)), str(sum(count for count in counts if count > 1))


def _own_rationales(repeated: Sequence[Rows]) -> str:
    """Of the pairs with one degree above 0, how many have other rationales each time: no mere copies."""
    agreed = [same for same in repeated if len({row.level for row in same}) == 1 and same[0].level]
    return f"{sum(len({row.rationales for row in same}) > 1 for same in agreed)} of {len(agreed)}"


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
