"""What a round comes to: decisions, agreement, annotators, and the files that hold them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eva.annotation.annotators import AnnotatorRow, annotator_rows
from eva.annotation.coefficients import Agreement, agreement
from eva.annotation.round_key import Kind, Round
from eva.annotation.task_answers import Answer
from eva.annotation.votes import Decision, decide_levels, decide_rankings
from eva.artifacts import write_json, write_jsonl
from eva.data.candidates import Candidate, Ranked, write_ranked
from eva.statistics.bootstrap import Resampling

if TYPE_CHECKING:
    from eva.settings.evaluate_section import Evaluate

REPORT = "agreement.json"
_RESULTS = {Kind.RANKING: "ranked.jsonl", Kind.LEVELS: "levels.jsonl"}


@dataclass(frozen=True)
class Consensus:
    """The outcome of a round.

    A case is kept if at most the share `most_against` of its annotators voted against the majority. The
    intervals of agreement resample what `resampled` says.
    """

    made: Round
    most_against: Fraction
    decisions: Sequence[Decision]
    agreed: Sequence[Agreement]
    resampled: str
    annotators: Sequence[AnnotatorRow]
    settings: "Evaluate"

    @classmethod
    def of(
        cls, made: Round, given: Sequence[Answer], most_against: Fraction, settings: "Evaluate"
    ) -> "Consensus":
        """The consensus of answers; `settings` are resamples, confidence level and seed."""
        decide = decide_rankings if made.key.kind is Kind.RANKING else decide_levels
        decisions = decide(given, made.items, most_against)
        agreed, resampled = agreement(made, given, Resampling.of(settings))
        rows = annotator_rows(made, given, settings.confidence)
        return cls(made, most_against, decisions, agreed, resampled, rows, settings)

    def write(self, folder: Path, about: Mapping[str, Any]) -> list[Path]:
        """Write the decisions, and the report with `about` in it; returns the paths."""
        result, report = folder / _RESULTS[self.made.key.kind], folder / REPORT
        if self.made.key.kind is Kind.RANKING:
            ranked = (Ranked(d.item, d.order, d.annotators, d.against, d.kept) for d in self.decisions)
            write_ranked(result, ranked)
        else:
            write_jsonl(result, level_file_rows(self.decisions, self.made.items))
        write_json(report, {**self.to_dict(), **about})
        return [result, report]

    def to_dict(self) -> dict[str, Any]:
        """The content of `agreement.json`."""
        key = self.made.key
        return {
            "project": key.project,
            "kind": key.kind,
            "candidates_sha256": key.candidates_sha256,
            "most_against": str(self.most_against),
            "decisions": [asdict(one) for one in self.decisions],
            "agreement": [asdict(one) for one in self.agreed],
            "annotators": [{**asdict(row), "error": row.error} for row in self.annotators],
            "intervals": {
                "resampled": self.resampled,
                "resamples": self.settings.bootstrap,
                "confidence": self.settings.confidence,
                "seed": self.settings.seed,
            },
        }


def level_file_rows(
    decisions: Sequence[Decision], items: Mapping[str, Sequence[Candidate]]
) -> list[dict[str, Any]]:
    """Lines of a level file (`eva.scorers.level_examples`): the candidates whose level was agreed on."""
    found = {(item, one.candidate): one for item, several in items.items() for one in several}
    kept = [(one, found[one.item, one.order[0]]) for one in decisions if one.kept and one.level is not None]
    return [
        {
            "text": candidate.text,
            "level": decision.level,
            "context": candidate.history[-1]["content"],
            "dialogue_id": candidate.dialogue_id,
            "annotators": decision.annotators,
            "against": decision.against,
        }
        for decision, candidate in kept
    ]
