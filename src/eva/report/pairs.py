"""Every variant against every other: differences, p-values and effect sizes."""

from dataclasses import dataclass
from itertools import combinations

from eva.metrics.compare import Difference, compare
from eva.report.runs import Runs


@dataclass(frozen=True)
class Pair:
    """`ours` less `theirs`, by metric."""

    corpus: str
    backbone: str
    ours: str
    theirs: str
    differences: dict[str, Difference]


def pairs(runs: Runs) -> list[Pair]:
    """Paired bootstrap of the comparison's metrics for all pairs of variants, later less earlier."""
    return [_pair(runs, ours, theirs) for theirs, ours in combinations(runs.scored, 2)]


def _pair(runs: Runs, ours: str, theirs: str) -> Pair:
    found = compare(
        runs.results[ours],
        runs.results[theirs],
        runs.resampling,
        names=(ours, theirs),
        same_seeds=runs.share_seeds(ours, theirs),
    )
    columns = runs.columns("comparison")
    differences = {one.metric: one for one in found if one.metric in columns}
    return Pair(runs.corpus, runs.backbone, ours, theirs, differences)
