"""A preference set as a table, with the rules that it must keep before it is written."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from eva.data.evad import SOURCES
from eva.data.near_duplicates import near_pairs
from eva.validation.frames import normalise
from eva.validation.suites import Rule, between, in_set, level_rules, null, present, unique

_COLUMNS = [
    *("split", "dialogue", "turn", "pair", "same_text", "chosen_words", "rejected_words", "chosen_level"),
    *("rejected_level", "source", "place", "minority", "other_split", "near_in_valid"),
]


def table(records: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """One row per record of the set."""
    splits: dict[str, set[str]] = {}
    for record in records:
        splits.setdefault(record["Dialogue"], set()).add(record["Split"])
    near = dict(near_pairs(_texts(records, "train"), _texts(records, "valid")))
    rows = [
        {
            "split": record["Split"],
            "dialogue": record["Dialogue"],
            "turn": record["Turn"],
            "pair": record["ID"],
            "same_text": normalise(record["Chosen"]) == normalise(record["Rejected"]),
            "chosen_words": len(record["Chosen"].split()),
            "rejected_words": len(record["Rejected"].split()),
            "chosen_level": record["ChosenLevel"],
            "rejected_level": record["RejectedLevel"],
            "source": record["Source"],
            "place": record["Turn"] / record["Turns"],
            "minority": record["Annotators"] - 2 * record["Against"],
            "other_split": ", ".join(sorted(splits[record["Dialogue"]] - {record["Split"]})) or None,
            "near_in_valid": near.get(record["ID"]) if record["Split"] == "train" else None,
        }
        for record in records
    ]
    return pd.DataFrame(rows, columns=_COLUMNS, dtype=object)


def set_rules() -> list[Rule]:
    """The rules for the one table of a preference set."""
    return [
        present("preference pairs"),
        unique("pair_unique", "pair", "a turn has one pair", "the turn has several pairs"),
        in_set("sides_differ", "same_text", [False], "chosen and rejected differ", "both are the same text"),
        between("chosen_said", "chosen_words", "chosen says something", "no words", min_value=1),
        between("rejected_said", "rejected_words", "rejected says something", "no words", min_value=1),
        *level_rules(),
        in_set("source_known", "source", list(SOURCES), "the source is known", "source {source!r}"),
        between(
            "turn_in_dialogue", "place", "the turn is one of its dialogue", "at {place:.2f}", max_value=1
        ),
        between(
            "majority_agrees",
            "minority",
            "no pair has more annotators against it than for it",
            "{minority} more for than against",
            min_value=0,
        ),
        null(
            "one_split", "other_split", "a dialogue is in one split", "its dialogue is in {other_split}, too"
        ),
        null(
            "no_copy_across_splits",
            "near_in_valid",
            "no training response is nearly a held-out one",
            "nearly pair {near_in_valid} of valid",
        ),
    ]


def _texts(records: Sequence[Mapping[str, Any]], split: str) -> list[tuple[str, str]]:
    return [
        (record["ID"], record[side])
        for record in records
        if record["Split"] == split
        for side in ("Chosen", "Rejected")
    ]
