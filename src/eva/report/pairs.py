"""Every variant against every other: differences, p-values and effect sizes."""

from dataclasses import dataclass
from itertools import combinations

from eva.metrics.compare import Difference, compare
from eva.report.runs import HEADINGS, Runs


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
        settings=runs.settings,
        names=(ours, theirs),
        same_seeds=runs.share_seeds(ours, theirs),
    )
    differences = {one.metric: one for one in found if one.metric in HEADINGS}
    return Pair(runs.corpus, runs.backbone, ours, theirs, differences)
