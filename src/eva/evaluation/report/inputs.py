"""What the report is made of, gathered from the files of earlier stages."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from eva.artifacts import read_json
from eva.errors import InputError
from eva.evaluation.reference import Reference
from eva.evaluation.report.capability import CapabilityTable, capability_tables
from eva.evaluation.rows import ResponseRow, read_rows

STAGES = ("sft", "dpo")


class Item(NamedTuple):
    """One cell of the matrix."""

    corpus: str
    backbone: str
    seed: int
    variant: str

    @classmethod
    def of(cls, path: Path, folder: Path) -> "Item":
        """The item of `<folder>/<corpus>/<backbone>/<seed>/<variant>.<suffix>`."""
        parts = path.relative_to(folder).with_suffix("").parts
        if len(parts) != 4 or not parts[2].isdigit():
            raise InputError(f"{path}: expected {folder}/<corpus>/<backbone>/<seed>/<variant>{path.suffix}")
        return cls(parts[0], parts[1], int(parts[2]), parts[3])

    def file(self, folder: Path, suffix: str) -> Path:
        return folder / self.corpus / self.backbone / str(self.seed) / f"{self.variant}{suffix}"


@dataclass(frozen=True)
class Scored:
    """One item's scores (`ScoreResult.to_dict` with `labels`) and the responses that were scored.

    A variant that does not apply to its backbone has neither.
    """

    item: Item
    scores: Mapping[str, Any]
    rows: Sequence[ResponseRow] = field(repr=False, default=())

    @property
    def applies(self) -> bool:
        return bool(self.scores["metrics"])


@dataclass(frozen=True)
class Curve:
    """The course of one training: a row a logged step; `metrics` are its final values."""

    stage: str
    item: Item
    rows: Sequence[Mapping[str, float]]
    metrics: Mapping[str, Any]


@dataclass(frozen=True)
class ReportInputs:
    """Everything the page shows; `variants` in the order of the rows, `invented` names sample corpora.

    `paper` is the backbone whose rows of the paper's tables stand beside ours.
    """

    title: str
    baseline: str
    samples: int
    variants: Sequence[str]
    scored: Sequence[Scored]
    reference: Reference | None
    curves: Sequence[Curve] = ()
    scorecards: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    invented: Sequence[str] = ()
    capability: Sequence[CapabilityTable] = ()
    paper: str = "mistral"


def gather(
    *,
    title: str,
    baseline: str,
    samples: int,
    variants: Sequence[str],
    scores: Path,
    responses: Path,
    training: Path,
    curves: Path,
    levels: Path,
    epitome: Path,
    invented: Sequence[str] = (),
    capability: Path | None = None,
    paper: str = "mistral",
) -> ReportInputs:
    """Read what earlier stages wrote: folders of files named by item, and the scorers' folders.

    `training` and `curves` hold a folder each for sft and dpo; `levels` and `epitome` are folders
    with `scorecard.json` (and V, `reference.json`, of the level classifier); `capability` holds a
    comparison a corpus, backbone and seed.
    """
    files = sorted(scores.rglob("*.json"))
    if not files:
        raise InputError(
            f"{scores}: no scores, so there is nothing to report; run `dvc repro evaluate` first"
        )
    reference = levels / "reference.json"
    return ReportInputs(
        title=title,
        baseline=baseline,
        samples=samples,
        variants=variants,
        scored=[_scored(path, scores, responses) for path in files],
        reference=Reference.read(reference) if reference.is_file() else None,
        curves=list(_curves(training, curves)),
        scorecards=_scorecards(levels, epitome),
        invented=invented,
        capability=capability_tables(capability) if capability else (),
        paper=paper,
    )


def _scored(path: Path, scores: Path, responses: Path) -> Scored:
    item, found = Item.of(path, scores), read_json(path)
    if not found["metrics"]:
        return Scored(item, found)
    return Scored(item, found, read_rows(item.file(responses, ".jsonl"), allow_empty=True))


def _curves(training: Path, curves: Path) -> list[Curve]:
    found = []
    for stage in STAGES:
        for path in sorted((curves / stage).rglob("*.csv")):
            item = Item.of(path, curves / stage)
            metrics = item.file(training / stage, ".json")
            found.append(Curve(stage, item, _numbers(path), read_json(metrics) if metrics.is_file() else {}))
    return [curve for curve in found if curve.rows]


def _numbers(path: Path) -> list[dict[str, float]]:
    """The rows of a csv of numbers; empty fields are left out."""
    with path.open(encoding="utf-8", newline="") as file:
        return [{key: float(text) for key, text in row.items() if text} for row in csv.DictReader(file)]


def _scorecards(levels: Path, epitome: Path) -> dict[str, dict[str, Any]]:
    folders = {"level classifier": levels}
    if epitome.is_dir():
        folders |= {f"EPITOME {path.name.upper()}": path for path in sorted(epitome.iterdir())}
    cards = {name: folder / "scorecard.json" for name, folder in folders.items()}
    return {name: read_json(path) for name, path in cards.items() if path.is_file()}
