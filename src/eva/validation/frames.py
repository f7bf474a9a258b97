"""A prepared corpus as flat tables, to which expectations are applied.

The tables are built from the raw JSON rows and not from `Dialogue` objects, so that rows which cannot be
parsed are found too.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from eva.artifacts import read_jsonl
from eva.data.utterances import SPLITS
from eva.errors import InputError

Rows = Mapping[str, Sequence[dict[str, Any]]]

_FIELDS: dict[str, type] = {"id": str, "corpus": str, "position": int, "turns": list, "slices": dict}
_TURN_FIELDS: dict[str, type] = {"role": str, "content": str, "strategies": list, "parts": list}
_COLUMNS = {
    "splits": ["split", "dialogues", "required"],
    "dialogues": [
        *("split", "dialogue", "schema_fault", "n_turns", "first_role", "speakers", "emotion"),
        *("other_split", "text_in_other_split"),
    ],
    "turns": [
        *("split", "dialogue", "turn", "role", "same_speaker", "words", "characters"),
        *("unknown_strategy", "labels"),
    ],
    "labels": ["split", "kind", "label", "share"],
}


@dataclass(frozen=True)
class Batches:
    """The tables by name, and the number of dialogues of each split (`rows`)."""

    tables: dict[str, pd.DataFrame]
    rows: dict[str, int]


def read_rows(prepared: Path) -> dict[str, list[dict[str, Any]]]:
    """The JSON rows of each split; a split without a file has no rows, so validation fails.

    Raises:
        InputError: no such folder, or a file is not JSON lines.
    """
    if not prepared.is_dir():
        raise InputError(f"{prepared}: no such folder; run `dvc repro prepare` first")
    files = {split: prepared / f"{split}.jsonl" for split in SPLITS}
    return {split: read_jsonl(path) if path.is_file() else [] for split, path in files.items()}


def build(kind: str, rows: Rows, strategies: Sequence[str], required: Mapping[str, int]) -> Batches:
    """The tables `splits`, `dialogues`, `turns` and `labels` of a corpus of format `kind`.

    `strategies` are the allowed strategy names; empty if the corpus has no strategies. `required` is the
    smallest number of dialogues of each split.
    """
    faults = {split: [_schema_fault(row, kind) for row in rows[split]] for split in rows}
    sound = {
        split: [row for row, fault in zip(rows[split], faults[split], strict=True) if fault is None]
        for split in rows
    }
    records = {
        "splits": [
            {"split": split, "dialogues": len(rows.get(split, ())), "required": required[split]}
            for split in SPLITS
        ],
        "dialogues": list(_dialogues(rows, faults, sound)),
        "turns": list(_turns(sound, strategies)),
        "labels": list(_labels(sound)),
    }
    return Batches(
        {name: pd.DataFrame(records[name], columns=_COLUMNS[name], dtype=object) for name in records},
        {split: len(rows.get(split, ())) for split in SPLITS},
    )


def normalise(text: str) -> str:
    """The text in lower case with punctuation and white space reduced to spaces, for finding copies."""
    return re.sub(r"\W+", " ", text.casefold()).strip()


def _schema_fault(row: Any, corpus: str) -> str | None:
    """The first problem that makes `row` an invalid `Dialogue` of `corpus`, or None."""
    if not isinstance(row, dict):
        return f"the row is a JSON {type(row).__name__}, not an object"
    if fault := _field_fault(row, _FIELDS):
        return fault
    if row["corpus"] != corpus:
        return f"`corpus` is {row['corpus']!r}, not {corpus!r}"
    for number, turn in enumerate(row["turns"], start=1):
        if fault := _turn_fault(turn):
            return f"turn {number}: {fault}"
    return None


def _turn_fault(turn: Any) -> str | None:
    if not isinstance(turn, dict):
        return "is not an object"
    if fault := _field_fault(turn, _TURN_FIELDS):
        return fault
    parts, labels = len(turn["parts"]), len(turn["strategies"])
    return f"{parts} parts but {labels} strategies" if parts and parts != labels else None


def _field_fault(row: dict[str, Any], fields: dict[str, type]) -> str | None:
    unknown = sorted(set(row) - set(fields))
    if unknown:
        return f"unknown field {unknown[0]!r}"
    for name, kind in fields.items():
        if name not in row:
            return f"field {name!r} is missing"
        if not isinstance(row[name], kind):
            return f"field {name!r} is {row[name]!r}, not a {kind.__name__}"
    return None


def _dialogues(rows: Rows, faults: Mapping[str, list[str | None]], sound: Rows) -> Iterator[dict[str, Any]]:
    id_splits, text_splits = _where(sound, _identity), _where(sound, _text)
    for split in rows:
        for number, (row, fault) in enumerate(zip(rows[split], faults[split], strict=True), start=1):
            if fault is not None:
                name = row.get("id") if isinstance(row, dict) else None
                yield {"split": split, "dialogue": name or f"row {number}", "schema_fault": fault}
                continue
            roles = [turn["role"] for turn in row["turns"]]
            yield {
                "split": split,
                "dialogue": row["id"],
                "n_turns": len(roles),
                "first_role": roles[0] if roles else None,
                "speakers": len(set(roles)),
                "emotion": row["slices"].get("emotion", ""),
                "other_split": _other(id_splits[_identity(row)], split),
                "text_in_other_split": _other(text_splits[_text(row)], split),
            }


def _identity(row: dict[str, Any]) -> str:
    return str(row["id"])


def _text(row: dict[str, Any]) -> str:
    return "\n".join(normalise(turn["content"]) for turn in row["turns"])


def _where(rows: Rows, key: Any) -> dict[str, set[str]]:
    """The splits in which each value of `key` occurs."""
    places: dict[str, set[str]] = defaultdict(set)
    for split, members in rows.items():
        for row in members:
            places[key(row)].add(split)
    return places


def _other(places: set[str], split: str) -> str | None:
    return ", ".join(sorted(places - {split})) or None


def _turns(sound: Rows, strategies: Sequence[str]) -> Iterator[dict[str, Any]]:
    for split, members in sound.items():
        for row in members:
            before = None
            for number, turn in enumerate(row["turns"], start=1):
                text, names = turn["content"], turn["strategies"]
                labelled = strategies and turn["role"] == "assistant"
                yield {
                    "split": split,
                    "dialogue": row["id"],
                    "turn": number,
                    "role": turn["role"],
                    "same_speaker": turn["role"] == before,
                    "words": len(text.split()),
                    "characters": len(text),
                    "unknown_strategy": next((name for name in names if name not in strategies), None),
                    "labels": len(names) if labelled else None,
                }
                before = turn["role"]


def _labels(sound: Rows) -> Iterator[dict[str, Any]]:
    """The share of each emotion among dialogues and of each strategy among labels, in the train split.

    Other splits are left out, because a few test dialogues may all have the same emotion.
    """
    train = sound.get("train", ())
    counts = {
        "emotion": Counter(row["slices"]["emotion"] for row in train if "emotion" in row["slices"]),
        "strategy": Counter(name for row in train for turn in row["turns"] for name in turn["strategies"]),
    }
    for kind, counter in counts.items():
        for label, count in sorted(counter.items()):
            yield {"split": "train", "kind": kind, "label": label, "share": count / counter.total()}
