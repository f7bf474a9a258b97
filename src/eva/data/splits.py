"""The train, valid and test splits of ESConv.

`ESConv.json` has no splits; the authors released these as separate files. `esconv_split.json` in this
package holds the row in ESConv.json of each released dialogue, so that ESConv.json is split in the same
way. A folder can have its own `splits.json` instead.
"""

import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from eva.artifacts import read_json
from eva.data.utterances import SPLITS, Problems
from eva.errors import InputError

UPSTREAM_DIALOGUES = 1300


@dataclass(frozen=True)
class SplitPlan:
    """Row numbers of a file by split, and the position in the official ESConv.json of every row."""

    rows: dict[str, list[int]]
    positions: list[int]


def plan_splits(folder: Path, n_dialogues: int) -> SplitPlan:
    """The split of the `n_dialogues` rows of a folder's ESConv.json.

    It follows the folder's own `splits.json` (`train`, `valid`, `test`: lists of rows; optional
    `upstream_index`: position of each row in the official file); without one, the released splits, if
    the file has 1,300 dialogues.

    Raises:
        InputError: `splits.json` is faulty, or missing although the file is not the official one.
    """
    own = folder / "splits.json"
    if own.is_file():
        return _own_plan(own, n_dialogues)
    if n_dialogues == UPSTREAM_DIALOGUES:
        return SplitPlan(released_positions(), list(range(n_dialogues)))
    raise InputError(
        f"{folder / 'ESConv.json'}: {n_dialogues} dialogues and no splits.json beside it; the split is known "
        f"only for the official file of {UPSTREAM_DIALOGUES} dialogues. Add a splits.json with lists of "
        'row numbers {"train": [...], "valid": [...], "test": [...]}'
    )


def released_positions() -> dict[str, list[int]]:
    """Rows in ESConv.json (0 to 1,299) of the released train, valid and test dialogues."""
    text = files("eva.data").joinpath("esconv_split.json").read_text(encoding="utf-8")
    known: dict[str, list[int]] = json.loads(text)
    return known


def _own_plan(path: Path, n_dialogues: int) -> SplitPlan:
    raw, problems = read_json(path), Problems(path)
    if not isinstance(raw, dict):
        raise InputError(f'{path}: should be an object {{"train": [...], "valid": [...], "test": [...]}}')
    rows = {split: _row_list(raw, split, problems) for split in SPLITS}
    _check_rows(rows, n_dialogues, problems)
    positions = list(range(n_dialogues))
    if "upstream_index" in raw:
        positions = _row_list(raw, "upstream_index", problems)
        if len(positions) != n_dialogues or len(set(positions)) != len(positions):
            problems.add("upstream_index", f"should be {n_dialogues} different numbers, one per dialogue")
    problems.refuse()
    return SplitPlan(rows, positions)


def _row_list(raw: dict[str, Any], key: str, problems: Problems) -> list[int]:
    value = raw.get(key)
    if isinstance(value, list) and all(type(item) is int for item in value):
        return value
    problems.add(key, "missing or not a list of whole numbers")
    return []


def _check_rows(rows: dict[str, list[int]], n_dialogues: int, problems: Problems) -> None:
    seen: dict[int, str] = {}
    for split, indices in rows.items():
        for index in indices:
            if not 0 <= index < n_dialogues:
                problems.add(split, f"row {index} is not within 0..{n_dialogues - 1}")
            elif index in seen:
                problems.add(split, f"row {index} is in {seen[index]} already")
            seen[index] = split
    unplaced = [index for index in range(n_dialogues) if index not in seen]
    if unplaced:
        problems.add("", f"rows in no split: {', '.join(map(str, unplaced[:20]))} ({len(unplaced)} in all)")
