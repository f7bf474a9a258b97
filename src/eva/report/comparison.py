"""The paper's Table 2 with our numbers: variants against the baseline, ours beside the paper's."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from typing import Any

from eva.metrics.compare import Difference, compare
from eva.metrics.description import Description
from eva.metrics.score_file import Scores
from eva.report.paper_values import SignCell, compare_signs, paper_row
from eva.report.runs import Runs
from eva.statistics.bootstrap import mean_interval, mean_over_seeds
from eva.statistics.verdicts import Verdict


@dataclass(frozen=True)
class Cell:
    """One number of a table.

    `measured` is False where it rests on too little to be read. `versus` is the verdict on the difference
    from the baseline. `agrees`: our change has the sign of the paper's; None where ours is within the
    noise or the paper prints none.
    """

    metric: str
    value: float | None
    ci: tuple[float, float] | None
    n: int
    measured: bool = True
    versus: Verdict | None = None
    difference: float | None = None
    difference_ci: tuple[float, float] | None = None
    p_value: float | None = None
    effect_size: float | None = None
    paper: float | None = None
    paper_change: float | None = None
    agrees: bool | None = None
    best: bool = False


@dataclass(frozen=True)
class Row:
    """One variant, its seeds averaged; no cells where the variant does not apply."""

    variant: str
    seeds: tuple[int, ...]
    n_dialogues: int
    n_responses: int
    cells: dict[str, Cell]

    def in_paper(self, names: Sequence[str]) -> bool:
        """Whether the paper prints one of these metrics for the variant."""
        return any(self.cells[name].paper is not None for name in names if name in self.cells)


@dataclass(frozen=True)
class Group:
    """The variants of one backbone on one corpus.

    `columns` are those of the comparison, `wording` those of the second table. `floor` is what
    random halves of the reference get against each other, `same_size` the median for as many
    dialogues of the reference as were scored. `paper` names the backbone of the paper's rows.
    """

    corpus: str
    backbone: str
    baseline: str
    paper: str
    columns: tuple[str, ...]
    wording: tuple[str, ...]
    rows: tuple[Row, ...]
    floor: dict[str, float]
    same_size: dict[str, float]
    about: Mapping[str, Description]

    @property
    def spans(self) -> list[tuple[str, int]]:
        """Headings over neighbouring columns of the comparison, and how many columns each is over."""
        over = groupby(self.about[name].over for name in self.columns)
        return [(text, len(list(columns))) for text, columns in over]

    @property
    def has_paper(self) -> bool:
        return any(cell.paper is not None for row in self.rows for cell in row.cells.values())

    @property
    def has_one_seed(self) -> bool:
        """Whether no variant was trained twice, so that intervals cover the test dialogues only."""
        return all(len(row.seeds) == 1 for row in self.rows)

    def signs(self) -> tuple[int, int]:
        """(cells whose sign agrees with the paper's, cells where ours is outside the noise)."""
        settled = [cell.agrees for row in self.rows for cell in row.cells.values() if cell.agrees is not None]
        return sum(settled), len(settled)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def group(runs: Runs, baseline: str, paper: str = "mistral") -> Group:
    """The table of one corpus and backbone; `paper` names the backbone of the paper's rows."""
    columns, wording = runs.columns("comparison"), runs.columns("wording")
    rows = [_row(variant, runs, baseline, paper, [*columns, *wording]) for variant in runs.results]
    base = runs.scores.get(baseline, [])
    return Group(
        corpus=runs.corpus,
        backbone=runs.backbone,
        baseline=baseline,
        paper=paper,
        columns=columns,
        wording=wording,
        rows=_mark_best(rows, runs, columns),
        floor=_floor(base),
        same_size=_same_size(base),
        about={name: runs.about[name] for name in [*columns, *wording]},
    )


def _row(variant: str, runs: Runs, baseline: str, paper: str, names: Sequence[str]) -> Row:
    results, seeds = runs.results[variant], runs.seeds[variant]
    if not results:
        return Row(variant, seeds, 0, 0, {})
    differences = _against_baseline(variant, runs, baseline)
    signs = compare_signs(list(differences.values()), runs.corpus, variant, paper, baseline)
    by_metric = {sign.metric: sign for sign in signs}
    printed = paper_row(runs.corpus, variant, paper)
    cells = {
        name: _cell(name, runs, variant, differences.get(name), printed.get(name), by_metric.get(name))
        for name in names
        if all(name in result.statistics for result in results)
    }
    return Row(variant, seeds, results[0].n_dialogues, len(results[0].turns), cells)


def _against_baseline(variant: str, runs: Runs, baseline: str) -> dict[str, Difference]:
    base = runs.results.get(baseline, [])
    if not base or variant == baseline:
        return {}
    found = compare(
        runs.results[variant],
        base,
        runs.resampling,
        names=(variant, baseline),
        same_seeds=runs.share_seeds(variant, baseline),
    )
    return {difference.metric: difference for difference in found}


def _cell(
    name: str,
    runs: Runs,
    variant: str,
    difference: Difference | None,
    paper: float | None,
    sign: SignCell | None,
) -> Cell:
    results = runs.results[variant]
    statistics = [result.statistics[name] for result in results]
    value = mean_over_seeds(statistics)
    return Cell(
        metric=name,
        value=None if math.isnan(value) else value,
        ci=mean_interval(statistics, runs.resampling, runs.about[name].bounds),
        n=statistics[0].n,
        measured=all(result.is_measured(name) for result in results),
        versus=difference.verdict if difference else None,
        difference=difference.difference if difference else None,
        difference_ci=difference.ci if difference else None,
        p_value=difference.p_value if difference else None,
        effect_size=difference.effect_size if difference else None,
        paper=paper,
        paper_change=sign.paper_change if sign else None,
        agrees=sign.agrees if sign else None,
    )


def _mark_best(rows: Sequence[Row], runs: Runs, columns: Sequence[str]) -> tuple[Row, ...]:
    """Rows with the best value of each column marked, as the paper prints it bold."""
    best: dict[str, float] = {}
    for name in columns:
        cells = [row.cells[name] for row in rows if name in row.cells]
        values = [cell.value for cell in cells if cell.value is not None and cell.measured]
        upwards = runs.about[name].higher_is_better
        if upwards is not None and len(set(values)) > 1:
            best[name] = max(values) if upwards else min(values)
    return tuple(
        replace(row, cells={name: _marked(cell, best) for name, cell in row.cells.items()}) for row in rows
    )


def _marked(cell: Cell, best: Mapping[str, float]) -> Cell:
    return replace(cell, best=cell.measured and cell.metric in best and best[cell.metric] == cell.value)


def _floor(base: Sequence[Scores]) -> dict[str, float]:
    metrics = base[0].metrics if base else {}
    return {name: m.noise_floor for name, m in metrics.items() if m.noise_floor is not None}


def _same_size(base: Sequence[Scores]) -> dict[str, float]:
    """Median of what draws of the reference of the sample's size get."""
    detail = base[0].details.get("evaeval", {}) if base else {}
    return {name: median for name, (median, _) in detail.get("same_size", {}).items()}
