"""The paper's Table 2 with our numbers: variants against the baseline, ours beside the paper's."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from eva.evaluation.bootstrap import draw_weights, interval, mean_over_seeds, replicates_over_seeds
from eva.evaluation.compare import Difference, compare
from eva.evaluation.paper_values import compare_signs, paper_row
from eva.evaluation.report.inputs import ReportInputs, Scored
from eva.evaluation.score import RecordedScorers, ScoreResult, score
from eva.settings import Evaluate

PAPER_BACKBONE = "mistral"
# Headings of Table 2, and equation 1 taken literally, which the paper's constants cannot come from.
HEADINGS = {
    "overlap/bleu_2": "B-2",
    "overlap/rouge_l": "R-L",
    "diversity/dist_2": "D-2",
    "epitome/ip": "IP",
    "epitome/ex": "EX",
    "epitome/er": "ER",
    "evaeval_sum/level_1": "L1",
    "evaeval_sum/level_2": "L2",
    "evaeval_sum/level_3": "L3",
    "evaeval_sum/level_4": "L4",
    "evaeval_sum/avg": "Avg.",
    "evaeval/avg": "Eq. 1",
}


@dataclass(frozen=True)
class Cell:
    """One number of the table.

    `versus` the baseline is `better`, `worse`, `changed` (no direction is better), `noise` (the
    interval of the difference holds 0) or None (no comparison). `agrees`: our change has the sign
    of the paper's; None where ours is within the noise or the paper prints none.
    """

    metric: str
    value: float
    ci: tuple[float, float] | None
    n: int
    versus: str | None = None
    difference: float | None = None
    difference_ci: tuple[float, float] | None = None
    p_value: float | None = None
    paper: float | None = None
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


@dataclass(frozen=True)
class Group:
    """The variants of one backbone on one corpus; `floor`: what a system equal to the reference gets."""

    corpus: str
    backbone: str
    baseline: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    floor: dict[str, float]

    @property
    def has_paper(self) -> bool:
        return any(cell.paper is not None for row in self.rows for cell in row.cells.values())

    def signs(self) -> tuple[int, int]:
        """(cells whose sign agrees with the paper's, cells where ours is outside the noise)."""
        settled = [cell.agrees for row in self.rows for cell in row.cells.values() if cell.agrees is not None]
        return sum(settled), len(settled)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def group(inputs: ReportInputs) -> list[Group]:
    """One table per corpus and backbone, rows in the order of `inputs.variants`."""
    keys = sorted({(scored.item.corpus, scored.item.backbone) for scored in inputs.scored})
    return [_group(inputs, *key) for key in keys]


def _group(inputs: ReportInputs, corpus: str, backbone: str) -> Group:
    members = [s for s in inputs.scored if (s.item.corpus, s.item.backbone) == (corpus, backbone)]
    present = {scored.item.variant for scored in members}
    order = [v for v in inputs.variants if v in present] + sorted(present - set(inputs.variants))
    runs = {v: [s for s in members if s.item.variant == v] for v in order}
    settings = _settings(members)
    results = {v: [_rescore(s, inputs, settings) for s in runs[v] if s.applies] for v in order}
    columns = tuple(
        name for name in HEADINGS if any(name in one.metrics for found in results.values() for one in found)
    )
    base = results.get(inputs.baseline, [])
    rows = [_row(v, runs[v], results[v], base, inputs.baseline, corpus, columns, settings) for v in order]
    return Group(corpus, backbone, inputs.baseline, columns, _mark_best(rows, base, columns), _floor(base))


def _settings(members: Sequence[Scored]) -> Evaluate:
    """The settings the scores were made with, as their provenance tells."""
    source = next((s.scores["provenance"] for s in members if s.applies), None)
    if source is None:
        return Evaluate(metrics=["length"], bootstrap=0, confidence=0.95, ngram=4)
    return Evaluate(
        metrics=["length"],
        bootstrap=source["resamples"],
        confidence=source["confidence"],
        ngram=source["ngram"],
        seed=source["bootstrap_seed"],
    )


def _rescore(scored: Scored, inputs: ReportInputs, settings: Evaluate) -> ScoreResult:
    """The statistics behind the scores, from the recorded labels: pairing needs every dialogue's part."""
    wanted = [name for name in HEADINGS if name in scored.scores["metrics"]]
    scorers = RecordedScorers.from_rows(scored.scores["labels"])
    return score(scored.rows, wanted, settings=settings, scorers=scorers, reference=inputs.reference)


def _row(
    variant: str,
    runs: Sequence[Scored],
    results: Sequence[ScoreResult],
    base: Sequence[ScoreResult],
    baseline: str,
    corpus: str,
    columns: Sequence[str],
    settings: Evaluate,
) -> Row:
    seeds = tuple(scored.item.seed for scored in runs)
    if not results:
        return Row(variant, seeds, 0, 0, {})
    differences: dict[str, Difference] = {}
    if base and variant != baseline:
        found = compare(results, base, settings=settings, names=(variant, baseline))
        differences = {difference.metric: difference for difference in found}
    paper = paper_row(corpus, variant, PAPER_BACKBONE)
    signs = {c.metric: c.agrees for c in compare_signs(list(differences.values()), corpus, variant)}
    cells = {
        name: _cell(name, results, differences.get(name), paper.get(name), signs.get(name), settings)
        for name in columns
        if all(name in result.metrics for result in results)
    }
    sample = results[0].sample
    return Row(variant, seeds, len(sample.dialogues), len(sample.rows), cells)


def _cell(
    name: str,
    results: Sequence[ScoreResult],
    difference: Difference | None,
    paper: float | None,
    agrees: bool | None,
    settings: Evaluate,
) -> Cell:
    statistics = [result.statistics[name] for result in results]
    value = mean_over_seeds(statistics)
    return Cell(
        metric=name,
        value=value,
        ci=_interval(name, value, results, settings),
        n=statistics[0].n,
        versus=_versus(difference),
        difference=difference.difference if difference else None,
        difference_ci=difference.ci if difference else None,
        p_value=difference.p_value if difference else None,
        paper=paper,
        agrees=agrees,
    )


def _interval(
    name: str, value: float, results: Sequence[ScoreResult], settings: Evaluate
) -> tuple[float, float] | None:
    """Bootstrap interval of the mean over seeds: dialogues and seeds are drawn."""
    if len(results) == 1:
        return results[0].metrics[name].ci
    dialogues = len(results[0].sample.dialogues)
    weights = draw_weights(dialogues, settings.bootstrap, settings.seed)
    if dialogues < 2 or not len(weights):
        return None
    shares = np.full(len(results), 1 / len(results))
    seeds = np.random.default_rng(settings.seed + 1).multinomial(len(results), shares, size=len(weights))
    statistics = [result.statistics[name] for result in results]
    return interval(
        value, replicates_over_seeds(statistics, weights, seeds.astype(np.float64)), settings.confidence
    )


def _versus(difference: Difference | None) -> str | None:
    if difference is None or difference.within_noise is None:
        return None
    if difference.within_noise:
        return "noise"
    return {"ours": "better", "theirs": "worse", None: "changed"}[difference.better]


def _mark_best(rows: Sequence[Row], base: Sequence[ScoreResult], columns: Sequence[str]) -> tuple[Row, ...]:
    """Rows with the best value of each column marked, as the paper prints it bold."""
    direction = {m.name: m.higher_is_better for result in base[:1] for m in result.chosen}
    best: dict[str, float] = {}
    for name in columns:
        values = [row.cells[name].value for row in rows if name in row.cells]
        if direction.get(name) is not None and len(set(values)) > 1:
            best[name] = max(values) if direction[name] else min(values)
    return tuple(
        replace(row, cells={name: _marked(cell, best) for name, cell in row.cells.items()}) for row in rows
    )


def _marked(cell: Cell, best: Mapping[str, float]) -> Cell:
    return replace(cell, best=best.get(cell.metric) == cell.value)


def _floor(base: Sequence[ScoreResult]) -> dict[str, float]:
    metrics = base[0].metrics if base else {}
    return {name: m.noise_floor for name, m in metrics.items() if m.noise_floor is not None}
