"""Which dialogue of an ESConv file belongs to which split.

ESConv's `ESConv.json` has no splits; the authors released them as separate files. The upstream
position of each released dialogue is known and ships here (`esconv_split.json`), so that the
upstream file splits as released. A folder can bring its own `splits.json` instead.
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
    """Rows of a file by split, and the upstream position of every row."""

    rows: dict[str, list[int]]
    positions: list[int]


def plan_splits(folder: Path, n_dialogues: int) -> SplitPlan:
    """How the `n_dialogues` rows of a folder's ESConv.json are split.

    By the folder's own `splits.json` (`train`, `valid`, `test`: row lists; optional
    `upstream_index`: position of each row), else as released if the file has 1,300 dialogues.
    """
    own = folder / "splits.json"
    if own.is_file():
        return _own_plan(own, n_dialogues)
    if n_dialogues == UPSTREAM_DIALOGUES:
        return SplitPlan(released_positions(), list(range(n_dialogues)))
    raise InputError(
        f"{folder / 'ESConv.json'}: {n_dialogues} dialogues and no splits.json beside it; only the upstream "
        f"file of {UPSTREAM_DIALOGUES} dialogues has a known split. Add a splits.json with the row "
        'lists {"train": [...], "valid": [...], "test": [...]}'
    )


def released_positions() -> dict[str, list[int]]:
    """Upstream positions (0 to 1,299) of the released train, valid and test dialogues."""
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
            problems.add("upstream_index", f"should be {n_dialogues} different numbers, one a dialogue")
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
        problems.add("", f"in no split: rows {', '.join(map(str, unplaced[:20]))} ({len(unplaced)} in all)")
