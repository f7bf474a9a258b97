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
from sklearn.metrics import confusion_matrix

from eva.artifacts import write_text
from eva.data.epitome import MECHANISM_FILES, EpitomePair, load_epitome
from eva.scorers.scorecard import Labels
from eva.statistics.bootstrap import Resampling, mean_interval
from eva.statistics.estimators import Array, Estimator, Statistic

DEGREES = 3
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
    counts = np.stack([_confusion(same).ravel() for same in repeated]).astype(np.float64)
    cells = [
        _with_interval(Statistic(counts, len(repeated), Estimator("accuracy", _accuracy))),
        _with_interval(Statistic(counts, len(repeated), Estimator("macro F1", _macro_f1))),
        *(f"{one:.3f}" for one in _f1(counts.sum(axis=0, keepdims=True))[0]),
        *_weak(repeated),
        _own_rationales(repeated),
    ]
    return " | ".join([f"| {mechanism.upper()}", str(len(repeated)), *cells]) + " |"


def _confusion(same: Rows) -> Labels:
    """Counts [one annotation, another] of a pair's annotations, each as a guess at each other."""
    levels = np.array([(one.level, other.level) for one, other in permutations(same, 2)])
    return np.asarray(confusion_matrix(levels[:, 0], levels[:, 1], labels=range(DEGREES)))


def _with_interval(statistic: Statistic) -> str:
    low, high = mean_interval([statistic], Resampling(RESAMPLES, 0.95, seed=0), (0, 1)) or (np.nan, np.nan)
    return f"{statistic.value:.3f} ({low:.3f} to {high:.3f})"


def _accuracy(totals: Array, _: Array) -> Array:
    """Of confusions [m, degrees squared] the share on the diagonal [m]."""
    right: Array = totals[:, :: DEGREES + 1].sum(axis=1) / totals.sum(axis=1)
    return right


def _macro_f1(totals: Array, _: Array) -> Array:
    """Of confusions [m, degrees squared] the mean F1 of the degrees [m]."""
    return np.asarray(_f1(totals).mean(axis=1), dtype=np.float64)


def _f1(totals: Array) -> Array:
    """Of confusions [m, degrees squared] the F1 of every degree [m, degrees], 0 where it is absent."""
    square = totals.reshape(-1, DEGREES, DEGREES)
    found = square.sum(axis=1) + square.sum(axis=2)
    hits = totals[:, :: DEGREES + 1]
    f1: Array = np.divide(2 * hits, found, out=np.zeros_like(found), where=found > 0)
    return f1


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
