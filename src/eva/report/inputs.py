"""The inputs of the report, read from the files of earlier stages."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from eva.artifacts import read_json
from eva.data.responses import Response, read_responses
from eva.errors import raise_if
from eva.metrics.score_file import Scores, read_scores
from eva.plain_text import read_text
from eva.report.capability_table import CapabilityTable, capability_tables
from eva.report.safety_table import SafetyTable, detector_rows, safety_tables
from eva.settings.matrix_section import Matrix

STAGES = ("sft", "dpo")


class Item(NamedTuple):
    """One combination of the matrix: corpus, backbone, seed and variant."""

    corpus: str
    backbone: str
    seed: int
    variant: str

    def file(self, folder: Path, suffix: str) -> Path:
        """`<folder>/<corpus>-<backbone>-<seed>-<variant><suffix>`."""
        return folder / f"{'-'.join(map(str, self))}{suffix}"


def items(matrix: Matrix, variants: Iterable[str]) -> list[Item]:
    """All items of the matrix, in the order of the settings."""
    return [Item(*cell) for cell in product(matrix.corpora, matrix.backbones, matrix.seeds, variants)]


@dataclass(frozen=True)
class Scored:
    """One item's scores and responses, some of which are shown.

    Both are empty if the variant does not apply to the backbone.
    """

    item: Item
    scores: Scores | None
    rows: Sequence[Response] = field(repr=False, default=())


@dataclass(frozen=True)
class Curve:
    """The curve of one training, one row per logged step; `metrics` are its final values."""

    stage: str
    item: Item
    rows: Sequence[Mapping[str, float]]
    metrics: Mapping[str, Any]


@dataclass(frozen=True)
class ReportInputs:
    """Everything the page shows; `scored` is in the order of the rows, `invented` names sample corpora.

    `paper` is the backbone whose rows of the paper's tables are shown. `preferences` has statistics of each
    backbone's pairs, `weights` notes on changed weights of a backbone, `people` the scores of each corpus's
    human supporters.
    """

    title: str
    baseline: str
    samples: int
    scored: Sequence[Scored]
    curves: Sequence[Curve] = ()
    scorecards: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    invented: Sequence[str] = ()
    capability: Sequence[CapabilityTable] = ()
    paper: str = "mistral"
    preferences: Sequence[Mapping[str, Any]] = ()
    weights: Mapping[str, str] = field(default_factory=dict)
    people: Mapping[str, Scores] = field(default_factory=dict)
    safety: Sequence[SafetyTable] = ()
    detectors: Sequence[tuple[str, str, str, str]] = ()


def gather(
    *,
    title: str,
    baseline: str,
    samples: int,
    items: Sequence[Item],
    scores: Path,
    responses: Path,
    training: Path,
    curves: Path,
    levels: Path,
    epitome: Path,
    invented: Sequence[str] = (),
    capability: Path | None = None,
    paper: str = "mistral",
    weights: Mapping[str, str] | None = None,
    people: Path | None = None,
    safety: Path | None = None,
    detector: Path | None = None,
) -> ReportInputs:
    """Read the results of `items` from the folders that earlier stages wrote.

    Files of other items, such as those of an earlier profile, are ignored.
    `training` has folders for sft, dpo and preferences, `curves` for sft and dpo; `levels` and `epitome` are
    folders with `scorecard.json`; `capability` has one comparison per corpus, backbone and seed, `safety`
    one file per item; `detector` is the file with the rates of the detectors of danger.
    """
    found = {item: item.file(scores, ".json") for item in items}
    raise_if(
        (f"{path}: no such file" for path in found.values() if not path.is_file()),
        "report: scores are missing; run `dvc repro evaluate` first",
    )
    return ReportInputs(
        title=title,
        baseline=baseline,
        samples=samples,
        scored=[_scored(item, path, responses) for item, path in found.items()],
        curves=list(_curves(items, training, curves)),
        scorecards=_scorecards(levels, epitome),
        invented=invented,
        capability=capability_tables(capability, [item[:3] for item in items]) if capability else (),
        paper=paper,
        preferences=list(_preferences(items, training / "preferences")),
        weights=weights or {},
        people=_people(items, people) if people else {},
        safety=safety_tables(safety, items, baseline) if safety else (),
        detectors=detector_rows(detector) if detector else (),
    )


def _people(items: Sequence[Item], folder: Path) -> dict[str, Scores]:
    files = {corpus: folder / f"{corpus}.json" for corpus in dict.fromkeys(item.corpus for item in items)}
    scores = {corpus: read_scores(path) for corpus, path in files.items() if path.is_file()}
    return {corpus: found for corpus, found in scores.items() if found is not None}


def _scored(item: Item, path: Path, responses: Path) -> Scored:
    found = read_scores(path)
    if found is None:
        return Scored(item, None)
    return Scored(item, found, read_responses(item.file(responses, ".jsonl"), allow_empty=True))


def _preferences(items: Sequence[Item], folder: Path) -> Iterator[dict[str, Any]]:
    """Statistics of the preference pairs of each backbone that is aligned."""
    for backbone in dict.fromkeys(item.backbone for item in items):
        path = folder / f"{backbone}.json"
        found = read_json(path) if path.is_file() else {}
        if found.get("train"):
            yield {"backbone": backbone, **found}


def _curves(items: Sequence[Item], training: Path, curves: Path) -> Iterator[Curve]:
    for stage, item in product(STAGES, items):
        path, metrics = item.file(curves / stage, ".csv"), item.file(training / stage, ".json")
        rows = _numbers(path) if path.is_file() else []
        if rows:
            yield Curve(stage, item, rows, read_json(metrics) if metrics.is_file() else {})


def _numbers(path: Path) -> list[dict[str, float]]:
    """The rows of a csv of numbers; empty fields are left out."""
    rows = csv.DictReader(io.StringIO(read_text(path), newline=""))
    return [{key: float(text) for key, text in row.items() if text} for row in rows]


def _scorecards(levels: Path, epitome: Path) -> dict[str, dict[str, Any]]:
    folders = {"level classifier": levels}
    if epitome.is_dir():
        folders |= {f"EPITOME {path.name.upper()}": path for path in sorted(epitome.iterdir())}
    cards = {name: folder / "scorecard.json" for name, folder in folders.items()}
    return {name: read_json(path) for name, path in cards.items() if path.is_file()}
