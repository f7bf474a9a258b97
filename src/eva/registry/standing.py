"""What was measured of one model: its values, and its scores by dialogue, one set for each training seed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eva.artifacts import read_json, write_json
from eva.metrics.score_file import Scores, read_scores

SCORES = "scores"
_FLAT = ("evaluate", "dpo", "safety")  # stages whose metrics file is one number by name


@dataclass(frozen=True)
class Standing:
    """A model in a comparison.

    Attributes:
        name: how messages call it.
        values: `<stage>/<name>` -> value, of the registered seed.
        scores: the scores of each training seed.
    """

    name: str
    values: Mapping[str, float]
    scores: Mapping[int, Scores] = field(repr=False)


def values_of(variant: str, item: Sequence[str], metrics: Path) -> dict[str, float]:
    """All measured numbers of one variant.

    Args:
        variant: row of `variants`.
        item: corpus, backbone and seed.
        metrics: folder with a folder of metrics files for each stage.
    """
    files = {stage: metrics / stage / f"{'-'.join([*item, variant])}.json" for stage in _FLAT}
    return {
        f"{stage}/{name}": float(value)
        for stage, path in files.items()
        if path.is_file()
        for name, value in read_json(path).items()
        if isinstance(value, int | float)
    }


def capability_values(variant: str, path: Path) -> dict[str, float]:
    """`capability/<task>/<metric>` of a variant, if the stage `capability` measured it."""
    raw = read_json(path) if path.is_file() else {}
    side = next((side for side in ("before", "after") if raw.get(side) == variant), None)
    if side is None:
        return {}
    return {f"capability/{name}": float(score[side]) for name, score in raw["scores"].items()}


def scores_of(
    variant: str, corpus: str, backbone: str, seeds: Iterable[int], folder: Path
) -> dict[int, Scores]:
    """The scores of a variant by training seed, of those that were measured."""
    files = {seed: folder / f"{corpus}-{backbone}-{seed}-{variant}.json" for seed in seeds}
    read = {seed: read_scores(path) for seed, path in files.items() if path.is_file()}
    return {seed: scores for seed, scores in read.items() if scores is not None}


def copy_scores(files: Mapping[int, Path], folder: Path) -> None:
    """Copy what a comparison needs of score files: sums by dialogue and definitions, no words of anyone."""
    for seed, path in files.items():
        write_json(folder / SCORES / f"{seed}.json", _without_words(read_json(path)))


def stored_scores(folder: Path) -> dict[int, Scores]:
    """What `copy_scores` wrote into `folder`."""
    return {seed: scores for seed, scores in _read(sorted((folder / SCORES).glob("*.json")))}


def _read(paths: Iterable[Path]) -> Iterator[tuple[int, Scores]]:
    for path in paths:
        if (scores := read_scores(path)) is not None:
            yield int(path.stem), scores


def _without_words(raw: dict[str, Any]) -> dict[str, Any]:
    turns = [{"dialogue_id": row["dialogue_id"], "turn": row["turn"]} for row in raw["labels"]]
    return {**raw, "labels": turns, "details": {}, "slices": []}
