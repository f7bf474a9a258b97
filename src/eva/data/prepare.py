"""Preparation of a corpus: which dialogues are used for training and evaluation (ADR 8), and statistics."""

import logging
import statistics as stats
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eva.artifacts import new_folder, read_jsonl, write_json, write_jsonl
from eva.data.corpora import load
from eva.data.dialogue import LEVELS, Dialogue
from eva.data.utterances import SPLITS, Problems
from eva.errors import InputError
from eva.settings.corpora_section import Corpus
from eva.settings.prepare_section import Prepare

log = logging.getLogger(__name__)

SUPPORTER_FIRST = "supporter_first"
NO_REPLY = "no_reply"
REASONS = (SUPPORTER_FIRST, NO_REPLY)


@dataclass(frozen=True, slots=True)
class Dropped:
    """A dialogue that is not used, its split, and the reason (one of `REASONS`)."""

    split: str
    reason: str
    dialogue: Dialogue


@dataclass(frozen=True)
class Prepared:
    """The dialogues to use by split, the dropped ones, and statistics of both."""

    splits: Mapping[str, list[Dialogue]]
    dropped: list[Dropped]
    statistics: dict[str, Any]

    @property
    def everything(self) -> dict[str, list[Dialogue]]:
        """All dialogues by split, used and dropped; EVAD's histories are looked up in them."""
        lost = {split: [row.dialogue for row in self.dropped if row.split == split] for split in self.splits}
        return {split: [*dialogues, *lost[split]] for split, dialogues in self.splits.items()}


def prepare(name: str, corpus: Corpus, settings: Prepare) -> Prepared:
    """Load corpus `name`, apply the dialogue rules (ADR 8), and compute statistics.

    Dialogues that the supporter starts are dropped, or with `keep_supporter_first` only their first turn
    is; dialogues in which the supporter never replies are dropped. The order of the source is kept.

    Raises:
        InputError: the corpus cannot be loaded, or a dialogue id occurs twice.
    """
    loaded = load(corpus)
    _refuse_repeated(corpus.path, loaded.splits)
    splits: dict[str, list[Dialogue]] = {}
    dropped: list[Dropped] = []
    for split in SPLITS:
        splits[split], unused = _apply_rules(loaded.splits[split], split, settings.keep_supporter_first)
        dropped += unused
    counted = _statistics(name, corpus, splits, dropped, loaded.utterances)
    log.info("%s: %s", name, {split: len(dialogues) for split, dialogues in splits.items()})
    return Prepared(splits, dropped, counted)


def write(prepared: Prepared, out: Path) -> None:
    """Write `<split>.jsonl`, `dropped.jsonl` and `statistics.json` into folder `out`, atomically."""
    with new_folder(out) as folder:
        for split, dialogues in prepared.splits.items():
            write_jsonl(folder / f"{split}.jsonl", (dialogue.to_dict() for dialogue in dialogues))
        rows = (
            {"split": row.split, "reason": row.reason, "dialogue": row.dialogue.to_dict()}
            for row in prepared.dropped
        )
        write_jsonl(folder / "dropped.jsonl", rows)
        write_json(folder / "statistics.json", prepared.statistics)


def read_split(folder: Path, split: str) -> list[Dialogue]:
    """Read the dialogues of a split that `write` wrote."""
    if split not in SPLITS:
        raise InputError(f"unknown split {split!r}; known: {', '.join(SPLITS)}")
    return [Dialogue.from_dict(row) for row in read_jsonl(folder / f"{split}.jsonl")]


def read_dropped(folder: Path) -> list[Dropped]:
    """Read the dropped dialogues that `write` wrote."""
    rows = read_jsonl(folder / "dropped.jsonl")
    return [Dropped(row["split"], row["reason"], Dialogue.from_dict(row["dialogue"])) for row in rows]


def read_all(folder: Path) -> dict[str, list[Dialogue]]:
    """All dialogues of the corpus by split, used and dropped; EVAD's histories are looked up in them."""
    splits = {split: read_split(folder, split) for split in SPLITS}
    for row in read_dropped(folder):
        splits[row.split].append(row.dialogue)
    return splits


def _refuse_repeated(path: Path, splits: Mapping[str, list[Dialogue]]) -> None:
    seen: dict[str, str] = {}
    problems = Problems(path)
    for split in SPLITS:
        for dialogue in splits[split]:
            if dialogue.id in seen:
                problems.add(f"dialogue {dialogue.id}", f"is in {seen[dialogue.id]} and again in {split}")
            seen[dialogue.id] = split
    problems.refuse()


def _apply_rules(
    dialogues: list[Dialogue], split: str, keep_supporter_first: bool
) -> tuple[list[Dialogue], list[Dropped]]:
    kept: list[Dialogue] = []
    dropped: list[Dropped] = []
    for dialogue in dialogues:
        candidate = without_leading_supporter(dialogue)
        if candidate is not dialogue and not keep_supporter_first:
            dropped.append(Dropped(split, SUPPORTER_FIRST, dialogue))
        elif candidate.n_supporter_turns == 0:
            dropped.append(Dropped(split, NO_REPLY, dialogue))
        else:
            kept.append(candidate)
    return kept, dropped


def without_leading_supporter(dialogue: Dialogue) -> Dialogue:
    """The dialogue without its first turn if that is the supporter's; else the dialogue itself."""
    if dialogue.turns and dialogue.turns[0].role == "assistant":
        return replace(dialogue, turns=dialogue.turns[1:])
    return dialogue


def _statistics(
    name: str,
    corpus: Corpus,
    splits: Mapping[str, list[Dialogue]],
    dropped: list[Dropped],
    utterances: Mapping[str, int],
) -> dict[str, Any]:
    lost = Counter((row.split, row.reason) for row in dropped)
    counted = {}
    for split, dialogues in splits.items():
        before = [*dialogues, *(row.dialogue for row in dropped if row.split == split)]
        counted[split] = {
            "read": {"dialogues": len(before), "utterances": sum(utterances[d.id] for d in before)},
            "dropped": {reason: lost[split, reason] for reason in REASONS},
            "dialogues": len(dialogues),
            "utterances": sum(utterances[dialogue.id] for dialogue in dialogues),
            **_turn_counts(dialogues),
        }
    levels = level_counts(splits["train"])
    return {
        "corpus": name,
        "format": corpus.format,
        "splits": counted,
        "weak_levels": {"counts": levels, "shares": {level: _shares(row) for level, row in levels.items()}},
    }


def _turn_counts(dialogues: list[Dialogue]) -> dict[str, Any]:
    lengths = [len(dialogue.turns) for dialogue in dialogues]
    labels = (label for dialogue in dialogues for turn in dialogue.turns for label in turn.strategies)
    return {
        "turns": sum(lengths),
        "supporter_turns": sum(dialogue.n_supporter_turns for dialogue in dialogues),
        "median_turns": stats.median(lengths) if lengths else 0,
        "max_turns": max(lengths, default=0),
        "strategies": dict(sorted(Counter(labels).items())),
        "emotions": dict(sorted(Counter(d.slices.get("emotion", "unknown") for d in dialogues).items())),
    }


def level_counts(dialogues: Iterable[Dialogue]) -> dict[str, list[int]]:
    """Number of supporter turns by weak level (`"1"` to `"4"`) and quartile of their dialogue (4 numbers).

    Levels come from strategies (ADR 11); turns without a level are not counted.
    """
    counts = {str(level): [0, 0, 0, 0] for level in LEVELS}
    for dialogue in dialogues:
        for turn in dialogue.supporter_turns():
            if turn.gold.weak_level:
                counts[str(turn.gold.weak_level)][turn.quartile - 1] += 1
    return counts


def _shares(row: list[int]) -> list[float]:
    total = sum(row)
    return [round(count / total, 4) if total else 0.0 for count in row]
