"""Comparisons of all pairs of variants: differences, p-values and effect sizes."""

from dataclasses import dataclass
from itertools import combinations

from eva.metrics.compare import Difference, differences, judge
from eva.report.runs import Runs


@dataclass(frozen=True)
class Pair:
    """The differences `ours` - `theirs`, by metric."""

    corpus: str
    backbone: str
    ours: str
    theirs: str
    differences: dict[str, Difference]


def pairs(runs: Runs) -> list[Pair]:
    """Differences of the comparison's metrics for all pairs of variants, later row minus earlier row.

    Their p-values are corrected as one family.
    """
    named = [(ours, theirs) for theirs, ours in combinations(runs.scored, 2)]
    judged = judge([_pair(runs, *names) for names in named], runs.resampling.confidence)
    return [
        Pair(runs.corpus, runs.backbone, *names, {one.metric: one for one in found})
        for names, found in zip(named, judged, strict=True)
    ]


def _pair(runs: Runs, ours: str, theirs: str) -> list[Difference]:
    found = differences(
        runs.results[ours],
        runs.results[theirs],
        runs.resampling,
        names=(ours, theirs),
        same_seeds=runs.share_seeds(ours, theirs),
    )
    columns = runs.columns("comparison")
    return [one for one in found if one.metric in columns]
