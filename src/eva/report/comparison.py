"""The comparison of variants with the baseline in the layout of the paper's Table 2, with its values."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from statistics import fmean
from typing import Any

from eva.metrics.compare import Difference, differences, judge
from eva.metrics.description import Description
from eva.metrics.score_file import Scores
from eva.report.cautions import Caution, cautions, length_notes
from eva.report.paper_values import SignCell, compare_signs, paper_row
from eva.report.runs import Runs
from eva.statistics.bootstrap import mean_interval
from eva.statistics.verdicts import FEWEST_DIALOGUES, Verdict

PEOPLE = "people"  # name of the row of the human supporters


@dataclass(frozen=True)
class Cell:
    """One number of a table.

    `measured` is False if it is based on too few items. `versus` is the verdict on the difference
    from the baseline; `p_adjusted` is corrected for all tests of the table. `plug_in` is the value before
    its bias was taken off. `agrees`: our change has the sign of the paper's; None where ours is within the
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
    p_adjusted: float | None = None
    effect_size: float | None = None
    paper: float | None = None
    paper_change: float | None = None
    agrees: bool | None = None
    plug_in: float | None = None
    best: bool = False


@dataclass(frozen=True)
class Row:
    """One variant, its seeds averaged; no cells where the variant does not apply.

    Cells of an invalid row have no verdict: it is shown, and not compared.
    """

    variant: str
    seeds: tuple[int, ...]
    n_dialogues: int
    n_responses: int
    cells: dict[str, Cell]
    cautions: tuple[Caution, ...] = ()

    @property
    def is_invalid(self) -> bool:
        return any(one.is_invalid for one in self.cautions)

    def in_paper(self, names: Sequence[str]) -> bool:
        """Whether the paper has a value of one of these metrics for the variant."""
        return any(self.cells[name].paper is not None for name in names if name in self.cells)

    def has_plug_in(self, names: Sequence[str]) -> bool:
        """Whether one of these metrics has a value without bias correction."""
        return any(self.cells[name].plug_in is not None for name in names if name in self.cells)


@dataclass(frozen=True)
class Group:
    """The variants of one backbone on one corpus.

    `columns` are the metrics of the comparison, `wording` those of the second table. `floor` and `same_size`
    are values without bias correction: the mean distance between random halves of the reference, and the
    median for as many dialogues of the reference as were scored. `people` is the human supporters' row.
    `paper` names the backbone of the paper's rows. `notes` are sentences that belong under the comparison.
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
    notes: tuple[str, ...] = ()
    people: Row | None = None

    @property
    def spans(self) -> list[tuple[str, int]]:
        """Headings over neighbouring columns of the comparison, with the number of columns of each."""
        over = groupby(self.about[name].over for name in self.columns)
        return [(text, len(list(columns))) for text, columns in over]

    @property
    def has_paper(self) -> bool:
        return any(cell.paper is not None for row in self.rows for cell in row.cells.values())

    @property
    def has_one_seed(self) -> bool:
        """Whether every variant has one seed, so that intervals cover the test dialogues only."""
        return all(len(row.seeds) == 1 for row in self.rows)

    @property
    def has_few_dialogues(self) -> bool:
        """Whether there are too few dialogues for verdicts."""
        return any(row.cells and row.n_dialogues < FEWEST_DIALOGUES for row in self.rows)

    @property
    def tests(self) -> int:
        """Number of tests in the comparison's columns, for which p-values are corrected."""
        cells = [row.cells[name] for row in self.rows for name in self.columns if name in row.cells]
        return sum(cell.p_value is not None for cell in cells)

    def signs(self) -> tuple[int, int]:
        """(number of cells with the paper's sign, number of cells where our change is beyond the noise)."""
        settled = [cell.agrees for row in self.rows for cell in row.cells.values() if cell.agrees is not None]
        return sum(settled), len(settled)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


Differences = dict[str, dict[str, Difference]]  # by variant and metric


def group(runs: Runs, baseline: str, paper: str = "mistral", found: Differences | None = None) -> Group:
    """The table of one corpus and backbone; `paper` names the backbone of the paper's rows.

    `found` are the differences from the baseline, if they were judged together with those of other tables.
    """
    columns, wording = runs.columns("comparison"), runs.columns("wording")
    judged = against_baseline([runs], baseline)[0] if found is None else found
    rows = [
        _row(variant, runs, judged.get(variant, {}), baseline, paper, [*columns, *wording])
        for variant in runs.results
    ]
    base = runs.scores.get(baseline, [])
    return Group(
        corpus=runs.corpus,
        backbone=runs.backbone,
        baseline=baseline,
        paper=paper,
        columns=columns,
        wording=wording,
        rows=tuple(rows),
        floor=_floor(base),
        same_size=_same_size(base),
        about={name: runs.about[name] for name in [*columns, *wording]},
        notes=(*runs.notes, *length_notes(rows)),
        people=_people(runs, paper, [*columns, *wording]),
    )


def against_baseline(several: Sequence[Runs], baseline: str) -> list[Differences]:
    """Differences of every variant from the baseline, for each of `several`, corrected as one family."""
    keys, found = [], []
    for place, runs in enumerate(several):
        base = runs.results.get(baseline, [])
        for variant in (one for one in runs.scored if base and one != baseline):
            keys.append((place, variant))
            found.append(_differences(variant, runs, baseline))
    judged: list[Differences] = [{} for _ in several]
    if found:
        for (place, variant), own in zip(keys, judge(found, several[0].resampling.confidence), strict=True):
            judged[place][variant] = {one.metric: one for one in own}
    return judged


def _people(runs: Runs, paper: str, names: Sequence[str]) -> Row | None:
    """The human supporters' row: values and intervals, without comparisons."""
    if runs.people is None:
        return None
    alone = replace(
        runs,
        results={PEOPLE: [runs.people.measured]},
        seeds={PEOPLE: ()},
        scores={PEOPLE: [runs.people]},
    )
    return _row(PEOPLE, alone, {}, PEOPLE, paper, names)


def _differences(variant: str, runs: Runs, baseline: str) -> list[Difference]:
    return differences(
        runs.results[variant],
        runs.results[baseline],
        runs.resampling,
        names=(variant, baseline),
        same_seeds=runs.share_seeds(variant, baseline),
    )


def _row(
    variant: str,
    runs: Runs,
    found: Mapping[str, Difference],
    baseline: str,
    paper: str,
    names: Sequence[str],
) -> Row:
    results, seeds = runs.results[variant], runs.seeds[variant]
    if not results:
        return Row(variant, seeds, 0, 0, {})
    signs = compare_signs(list(found.values()), runs.corpus, variant, paper, baseline)
    by_metric = {sign.metric: sign for sign in signs}
    printed = paper_row(runs.corpus, variant, paper)
    cells = {
        name: _cell(name, runs, variant, found.get(name), printed.get(name), by_metric.get(name))
        for name in names
        if all(name in result.statistics for result in results)
    }
    said = cautions(cells, runs.about)
    if any(one.is_invalid for one in said):
        cells = {name: replace(cell, versus=None, agrees=None) for name, cell in cells.items()}
    return Row(variant, seeds, results[0].n_dialogues, len(results[0].turns), cells, said)


def _cell(
    name: str,
    runs: Runs,
    variant: str,
    difference: Difference | None,
    paper: float | None,
    sign: SignCell | None,
) -> Cell:
    results, about = runs.results[variant], runs.about[name]
    statistics = [result.statistics[name] for result in results]
    value = fmean(one.value for one in statistics)
    measured = all(result.is_measured(name) for result in results)
    shown = measured and about.has_interval
    return Cell(
        metric=name,
        value=None if math.isnan(value) else value,
        ci=mean_interval(statistics, runs.resampling, about.bounds) if shown else None,
        n=statistics[0].n,
        measured=measured,
        versus=difference.verdict if difference else None,
        difference=difference.difference if difference else None,
        difference_ci=difference.ci if difference else None,
        p_value=difference.p_value if difference else None,
        p_adjusted=difference.p_adjusted if difference else None,
        effect_size=difference.effect_size if difference else None,
        paper=paper,
        paper_change=sign.paper_change if sign else None,
        agrees=sign.agrees if sign else None,
        plug_in=fmean(one.plug_in for one in statistics) if about.plug_in else None,
    )


def _floor(base: Sequence[Scores]) -> dict[str, float]:
    """Mean distance between random halves of the reference, by metric."""
    metrics = base[0].metrics if base else {}
    floors = {name: metrics[m.about.plug_in].noise_floor for name, m in metrics.items() if m.about.plug_in}
    return {name: floor for name, floor in floors.items() if floor is not None}


def _same_size(base: Sequence[Scores]) -> dict[str, float]:
    """Median of the uncorrected values for random draws from the reference of the sample's size."""
    detail = base[0].details.get("evaeval", {}).get("same_size", {}) if base else {}
    metrics = base[0].metrics if base else {}
    twins = {name: m.about.plug_in for name, m in metrics.items() if m.about.plug_in in detail}
    return {name: detail[twin][0] for name, twin in twins.items()}
