"""The scored runs behind one table: every variant's seeds with the statistics that pairing needs."""

from collections.abc import Sequence
from dataclasses import dataclass

from eva.metrics.score import RecordedScorers, ScoreResult, score
from eva.report.inputs import ReportInputs, Scored
from eva.settings.evaluate_section import Evaluate

# Headings of Table 2; then what the paper's constants cannot come from, and what sees amounts too.
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
    "evaeval_joint": "Joint",
}
# Response types (Figures 3 and 7), repetition (Figures 2 and 6) and length (limitation 4).
WORDING = {
    **{f"response_type/{key}": key.upper() for key in ("uv", "sr", "ep", "hc", "ss", "o")},
    "repetition/over_10": "> 10 %",
    "repetition/over_20": "> 20 %",
    "repetition/over_30": "> 30 %",
    "repetition/top9_share": "Top 9",
    "length/words": "Words",
}
SHOWN = {**HEADINGS, **WORDING}


@dataclass(frozen=True)
class Runs:
    """The variants of one backbone on one corpus, in the order of the rows; one result a seed.

    A variant that does not apply to the backbone has seeds and no results.
    """

    corpus: str
    backbone: str
    settings: Evaluate
    seeds: dict[str, tuple[int, ...]]
    results: dict[str, list[ScoreResult]]

    @property
    def scored(self) -> dict[str, list[ScoreResult]]:
        """The variants that have results."""
        return {variant: found for variant, found in self.results.items() if found}

    def columns(self, names: Sequence[str]) -> tuple[str, ...]:
        """Those of the metrics that some run has."""
        every = [one for found in self.results.values() for one in found]
        return tuple(name for name in names if any(name in one.statistics for one in every))

    def share_seeds(self, one: str, other: str) -> bool:
        """Whether two variants were trained with the same seeds, so that seeds are drawn together."""
        return self.seeds[one] == self.seeds[other]


def rescore(inputs: ReportInputs) -> list[Runs]:
    """The runs of each corpus and backbone, scored again from the recorded labels."""
    keys = dict.fromkeys((scored.item.corpus, scored.item.backbone) for scored in inputs.scored)
    return [_runs(inputs, *key) for key in keys]


def _runs(inputs: ReportInputs, corpus: str, backbone: str) -> Runs:
    members = [s for s in inputs.scored if (s.item.corpus, s.item.backbone) == (corpus, backbone)]
    members.sort(key=lambda scored: scored.item.seed)
    order = dict.fromkeys(scored.item.variant for scored in members)
    runs = {v: [s for s in members if s.item.variant == v] for v in order}
    settings = _settings(members)
    return Runs(
        corpus=corpus,
        backbone=backbone,
        settings=settings,
        seeds={v: tuple(s.item.seed for s in found) for v, found in runs.items()},
        results={v: [_rescore(s, inputs, settings) for s in found if s.applies] for v, found in runs.items()},
    )


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
    wanted = [name for name in SHOWN if name in scored.scores["metrics"]]
    scorers = RecordedScorers.from_rows(scored.scores["labels"])
    return score(scored.rows, wanted, settings=settings, scorers=scorers, reference=inputs.reference)
