"""A small study of two systems, and programs that fill its sheets."""

import csv
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import eva, here  # noqa: F401

from eva.data.responses import Response, read_responses
from eva.human.key import Key
from eva.settings.evaluate_section import Evaluate

# `label(item index, criterion, rater)` of the form, from the first system's view.
Opinion = Callable[[int, str, str], str]


def rows_of(system: str, n_dialogues: int = 12, n_turns: int = 8) -> list[dict[str, Any]]:
    """Lines of a response file; each response tells its system apart only by its wording."""
    return [
        {
            "dialogue_id": f"dlg-{d:02d}",
            "turn": t,
            "n_turns": n_turns,
            "history": [{"role": "user", "content": f'=SUM({d};{t})\nI feel low, "really", like \'{t}.'}],
            "response": wording(system, d, t),
            "reference": f"I hear you, number {d} of {t}. Go on, I see.",
        }
        for d in range(n_dialogues)
        for t in range(1, n_turns + 1)
    ]


def wording(system: str, dialogue: int, turn: int) -> str:
    """Responses that begin with what a spreadsheet would run."""
    start = "=+-@'"[(dialogue + turn) % 5]
    manner = {"kind": "I hear you", "curt": "Go on", "alone": "I see"}[system]
    return f"{start} {manner}, {dialogue}.\n" + "so " * ((dialogue * 7 + turn * 3) % 11 + 1)


def write_lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def systems(tmp_path: Path) -> tuple[Path, Path]:
    """Two response files in folders that are named like systems."""
    return (
        write_lines(tmp_path / "runs" / "kindmodel-7b" / "answers_kind.jsonl", rows_of("kind")),
        write_lines(tmp_path / "runs" / "curtmodel-9b" / "answers_curt.jsonl", rows_of("curt")),
    )


@pytest.fixture
def settings() -> Evaluate:
    return Evaluate(metrics=["overlap"], bootstrap=200, confidence=0.95, ngram=4, seed=3)


def read_table(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """A sheet by Python's csv reader alone: its header and its rows."""
    reader = csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline=""))
    rows = list(reader)
    return list(reader.fieldnames or []), rows


def write_table(path: Path, names: list[str], rows: list[dict[str, str]], delimiter: str = ",") -> None:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, names, delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes(text.getvalue().encode("utf-8-sig"))


def shown_choice(key: Key, item: str, label: str) -> str:
    """What a rater enters who holds the opinion `label` of an item."""
    place = key.form.labels.index(label)
    swapped = key.items[key.index[item]].left == 1
    return key.form.choices[-1 - place if swapped else place]


def fill(folder: Path, opinion: Opinion) -> Key:
    """Fill every sheet of a study."""
    key = Key.read(folder)
    for path in sorted((folder / "sheets").glob("*.csv")):
        names, rows = read_table(path)
        for row in rows:
            place = key.index[row["item"]]
            for criterion in key.form.criteria:
                label = opinion(place, criterion.name, row["rater"])
                row[criterion.name] = shown_choice(key, row["item"], label)
        write_table(path, names, rows)
    return key


def edit(path: Path, change: Callable[[list[dict[str, str]]], None]) -> None:
    """Change the rows of a sheet."""
    names, rows = read_table(path)
    change(rows)
    write_table(path, names, rows)


def annotate(folder: Path, raters: int, opinion: Opinion) -> list[dict[str, Any]]:
    """A Label Studio export of type JSON in which users 1, 2, … did every task."""
    key = Key.read(folder)
    tasks: list[dict[str, Any]] = json.loads((folder / "label_studio" / "tasks.json").read_text())
    for number, task in enumerate(tasks, start=1):
        task["id"] = number
        task["annotations"] = [
            {
                "id": 100 * number + user,
                "completed_by": user,
                "was_cancelled": False,
                "result": [_result(key, task, one.name, opinion, user) for one in key.form.criteria],
            }
            for user in range(1, raters + 1)
        ]
    return tasks


def _result(key: Key, task: Mapping[str, Any], name: str, opinion: Opinion, user: int) -> dict[str, Any]:
    item = task["data"]["item"]
    choice = shown_choice(key, item, opinion(key.index[item], name, f"rater_{user}"))
    return {
        "from_name": name,
        "to_name": key.form.columns[0],
        "type": "choices",
        "value": {"choices": [choice]},
    }


def responses(path: Path) -> list[Response]:
    return read_responses(path)
