"""Preference pairs in the report: how chosen and rejected responses differ."""

from collections.abc import Mapping
from typing import Any

PAIR_COLUMNS = {
    "backbone": "backbone",
    "train": "pairs",
    "valid": "held out",
    "pairs/level_contrast": "levels differ",
    "pairs/level_gap": "levels apart",
    "pairs/length_ratio": "words, chosen / rejected",
    "pairs/chosen_similarity": "topic of chosen",
    "pairs/rejected_similarity": "topic of rejected",
    "pairs/closer": "chosen closer",
    "pairs/same_author": "one author",
    "pairs/human_chosen": "human, chosen",
    "pairs/human_rejected": "human, rejected",
}


def pair_cells(row: Mapping[str, Any]) -> list[str]:
    """The table row (texts) of one backbone's pairs."""
    return [_text(row.get(name)) for name in PAIR_COLUMNS]


def _text(value: Any) -> str:
    if value is None:
        return "unknown"
    return f"{value:.2f}" if isinstance(value, float) else str(value)
