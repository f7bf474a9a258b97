"""The preference set: pairs of ranked candidates with their splits, statistics, checks, card and metadata."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eva.artifacts import new_folder, write_json, write_jsonl, write_text
from eva.collection.card import dataset_card
from eva.collection.croissant import croissant
from eva.collection.pairs import Pair
from eva.collection.set_tables import counted, level_figure
from eva.data.candidates import Ranked, write_ranked
from eva.data.dialogue import Dialogue
from eva.data.near_duplicates import near_pairs
from eva.errors import InputError
from eva.manifest import entries_of, seal
from eva.scorers.reference import LevelledTurn, reference_from_levels
from eva.validation.gate import conclude, report
from eva.validation.set_rows import set_rules, table

log = logging.getLogger(__name__)

SPLITS = ("train", "valid")
EVAD, LEVELS, STATISTICS, RANKED = "EVAD.json", "levels.jsonl", "statistics.json", "ranked.jsonl"


@dataclass(frozen=True)
class PreferenceSet:
    """The pairs with their splits, those of a split together, and how many were left out, by reason."""

    pairs: Mapping[str, list[Pair]]
    positions: Mapping[str, int]  # of a dialogue in its source file
    left_out: Mapping[str, int]

    @property
    def records(self) -> list[dict[str, object]]:
        """The records of EVAD's file."""
        return [
            pair.to_record(self.positions[pair.chosen.dialogue_id], split)
            for split in SPLITS
            for pair in self.pairs[split]
        ]

    @property
    def counts(self) -> dict[str, float]:
        """The numbers, for metrics."""
        sides = {split: len(self.pairs[split]) for split in SPLITS}
        return {**sides, **{f"left_out/{name}": n for name, n in self.left_out.items()}}


def assemble(
    pairs: Sequence[Pair], left_out: Mapping[str, int], splits: Mapping[str, Sequence[Dialogue]]
) -> PreferenceSet:
    """Divide pairs by the corpus's own splits, without those of test dialogues and copies across splits.

    A training pair whose chosen or rejected response is nearly one of a held-out pair is left out: it would
    tell the answer.

    Raises:
        InputError: a pair's dialogue is not in the corpus, or no pair is left to train on.
    """
    where = {one.id: (split, one) for split, dialogues in splits.items() for one in dialogues}
    lost = sorted({pair.chosen.dialogue_id for pair in pairs} - where.keys())
    if lost:
        raise InputError(
            f"curate: {len(lost)} dialogues are not in the corpus, first {lost[0]!r}; name the corpus "
            "that the candidates were collected from"
        )
    sides: dict[str, list[Pair]] = {"train": [], "valid": [], "test": []}
    for pair in pairs:
        sides[where[pair.chosen.dialogue_id][0]].append(pair)
    copies = {name for name, _ in near_pairs(_texts(sides["train"]), _texts(sides["valid"]))}
    kept = [pair for pair in sides["train"] if pair.chosen.item not in copies]
    counts = {
        **left_out,
        "test_dialogue": len(sides["test"]),
        "copy_across_splits": len(sides["train"]) - len(kept),
    }
    if not kept:
        raise InputError(
            f"curate: no pair is left to train on (left out: {counts}); collect more, or rank again"
        )
    positions = {name: one.position for name, (_, one) in where.items()}
    return PreferenceSet({"train": kept, "valid": sides["valid"]}, positions, counts)


def write(
    name: str, found: PreferenceSet, ranked: Sequence[Ranked], about: Mapping[str, Any], out: Path
) -> None:
    """Write the folder `out`: the set, its statistics, the checks of Great Expectations, card and metadata.

    Raises:
        InputError: an expectation fails; nothing is written then.
    """
    statistics = {**counted(found.pairs), "left_out": dict(found.left_out), "made": dict(about)}
    with new_folder(out) as folder:
        write_json(folder / EVAD, found.records)
        write_jsonl(folder / LEVELS, _level_rows(found.pairs))
        write_ranked(folder / RANKED, ranked)
        write_json(folder / STATISTICS, statistics)
        _reference(found, about, folder / "reference.json")
        write_text(folder / "levels.svg", level_figure(found.pairs) + "\n")
        _judge(name, found, folder)
        write_text(folder / "README.md", dataset_card(name, statistics))
        files = entries_of(folder, [folder / one for one in (EVAD, LEVELS, RANKED, STATISTICS)])
        write_json(folder / "croissant.json", croissant(name, files, about))
        seal(folder, [path for path in folder.rglob("*") if path.is_file()])
    log.info("%s: %s, left out: %s", out, {s: len(found.pairs[s]) for s in SPLITS}, dict(found.left_out))


def _texts(pairs: Sequence[Pair]) -> list[tuple[str, str]]:
    return [(pair.chosen.item, text) for pair in pairs for text in (pair.chosen.text, pair.rejected.text)]


def _judge(name: str, found: PreferenceSet, folder: Path) -> None:
    rows = {split: len(found.pairs[split]) for split in SPLITS}
    tables = {"pairs": table(found.records)}
    verdict = conclude(name, tables, {"pairs": set_rules()}, rows, 5, folder / "validated")
    if verdict.failures:
        raise InputError("\n".join(report(verdict, f"preference set {name}")))


def _level_rows(pairs: Mapping[str, Sequence[Pair]]) -> list[dict[str, Any]]:
    """Rows for `data.levels`: every response whose level is known, with the turn before it."""
    return [
        {
            "dialogue_id": one.dialogue_id,
            "context": one.history[-1]["content"],
            "text": one.text,
            "level": level,
        }
        for split in SPLITS
        for pair in pairs[split]
        for one, level in ((pair.chosen, pair.chosen_level), (pair.rejected, pair.rejected_level))
        if level is not None
    ]


def _reference(found: PreferenceSet, about: Mapping[str, Any], path: Path) -> None:
    """V of EVAEval from the chosen responses, as in the paper; none where no level is known."""
    turns = [
        LevelledTurn(pair.chosen.dialogue_id, pair.chosen.turn, pair.chosen.n_turns, pair.chosen_level)
        for split in SPLITS
        for pair in found.pairs[split]
        if pair.chosen_level is not None
    ]
    if turns:
        reference_from_levels(turns, {"turns": "chosen responses", **about}).write(path)
