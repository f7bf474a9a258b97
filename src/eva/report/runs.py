"""The scored runs behind one table: the sums over dialogues of every variant and seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eva.metrics.description import Description, Table
from eva.metrics.measured import Measured
from eva.metrics.score_file import Scores
from eva.report.inputs import ReportInputs
from eva.report.judges import judges, marked
from eva.statistics.bootstrap import Resampling

_NOTHING = Resampling(resamples=0, confidence=0.95, seed=0)


@dataclass(frozen=True)
class Runs:
    """The variants of one backbone on one corpus, in the order of the rows; one result per seed.

    A variant that does not apply to the backbone has seeds but no results. `about` describes all metrics of
    the runs, in the order of the tables. `notes` are sentences below the table about its limits. `people` are
    the scores of the human supporters on the same turns.
    """

    corpus: str
    backbone: str
    resampling: Resampling
    seeds: dict[str, tuple[int, ...]]
    results: dict[str, list[Measured]]
    about: Mapping[str, Description]
    scores: dict[str, list[Scores]]
    notes: tuple[str, ...] = ()
    people: Scores | None = None

    @property
    def scored(self) -> list[str]:
        """The variants that have results."""
        return [variant for variant, found in self.results.items() if found]

    def columns(self, table: Table) -> tuple[str, ...]:
        """The metrics of one table that at least one run has."""
        every = [one for found in self.results.values() for one in found]
        return tuple(
            name
            for name, about in self.about.items()
            if about.table == table and any(name in one.statistics for one in every)
        )

    def share_seeds(self, one: str, other: str) -> bool:
        """Whether two variants were trained with the same seeds, so that their runs are paired."""
        return self.seeds[one] == self.seeds[other]


def gather_runs(inputs: ReportInputs) -> list[Runs]:
    """The runs of each corpus and backbone."""
    keys = dict.fromkeys((scored.item.corpus, scored.item.backbone) for scored in inputs.scored)
    return [_runs(inputs, *key) for key in keys]


def _runs(inputs: ReportInputs, corpus: str, backbone: str) -> Runs:
    members = [s for s in inputs.scored if (s.item.corpus, s.item.backbone) == (corpus, backbone)]
    members.sort(key=lambda scored: scored.item.seed)
    # In the order of the rows, which sorting by seed keeps within a seed.
    variants = dict.fromkeys(scored.item.variant for scored in members)
    runs = {v: [s for s in members if s.item.variant == v] for v in variants}
    scores = {v: [s.scores for s in found if s.scores is not None] for v, found in runs.items()}
    every = [one for found in scores.values() for one in found]
    about, notes = marked(_described(every), backbone, judges(inputs.scorecards))
    if weights := inputs.weights.get(backbone):
        notes.append(f"The weights of {backbone} are {weights}.")
    return Runs(
        corpus=corpus,
        backbone=backbone,
        resampling=every[0].resampling if every else _NOTHING,
        seeds={v: tuple(s.item.seed for s in found) for v, found in runs.items()},
        results={v: [one.measured for one in found] for v, found in scores.items()},
        about=about,
        scores=scores,
        notes=tuple(notes),
        people=inputs.people.get(corpus),
    )


def _described(every: Sequence[Scores]) -> dict[str, Description]:
    found: dict[str, Description] = {}
    for one in every:
        found |= {name: about for name, about in one.measured.about.items() if name not in found}
    return found
