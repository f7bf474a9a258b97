"""Faulty corpus files stop `prepare`, with every fault of the file in one message."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.bad_input.conftest import Checkout

pytestmark = pytest.mark.slow

Spoil = Callable[[Path], None]


def _truncate(folder: Path) -> None:
    path = folder / "ESConv.json"
    text = path.read_text()
    path.write_text(text[: len(text) // 2])


def _unknown_strategies(folder: Path) -> None:
    path = folder / "ESConv.json"
    dialogues = json.loads(path.read_text())
    for number, name in ((0, "Hugging"), (3, "Advice")):
        said = next(one for one in dialogues[number]["dialog"] if one["speaker"] == "supporter")
        said["annotation"]["strategy"] = name
    path.write_text(json.dumps(dialogues))


def _in_two_splits(folder: Path) -> None:
    path = folder / "splits.json"
    splits = json.loads(path.read_text())
    splits["train"].append(splits["test"][0])
    path.write_text(json.dumps(splits))


def _quoted(folder: Path) -> None:
    path = folder / "train.csv"
    rows = [line.split(",") for line in path.read_text().splitlines()]
    with path.open("w", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows(rows)


def _without_a_column(folder: Path) -> None:
    path = folder / "valid.csv"
    path.write_text(path.read_text().replace("speaker_idx", "speaker", 1))


def _conversation_in_two_files(folder: Path) -> None:
    _header, *rows = (folder / "test.csv").read_text().splitlines()
    first = rows[0].split(",")[0]
    with (folder / "train.csv").open("a") as file:
        file.writelines(f"{row}\n" for row in rows if row.startswith(f"{first},"))


def _half_a_character(folder: Path) -> None:
    path = folder / "ESConv.json"
    path.write_text(path.read_text().replace('"content": "', r'"content": "\ud83d ', 1))


def _latin_1(folder: Path) -> None:
    lines = (folder / "train.csv").read_bytes().splitlines(keepends=True)
    lines[3] = lines[3].replace(b" ", "é".encode("latin-1"), 1)
    (folder / "train.csv").write_bytes(b"".join(lines))


@pytest.mark.parametrize(
    ("corpus", "spoil", "said"),
    [
        ("esconv", _truncate, ["ESConv.json: not JSON (", "it ends too early"]),
        ("esconv", _half_a_character, ["ESConv.json: `\\ud83d` at line ", "an unpaired surrogate"]),
        ("ed", _latin_1, ["train.csv: line 4: byte ", "(0xe9) is not UTF-8"]),
        (
            "esconv",
            _unknown_strategies,
            [
                "ESConv.json: 2 problems",
                "unknown strategy 'Hugging'",
                "unknown strategy 'Advice'",
                "Self-disclosure",
            ],
        ),
        ("esconv", _in_two_splits, ["splits.json: 1 problem", "is in train already"]),
        ("ed", _quoted, ["train.csv, header: fields are quoted", "eva data fetch"]),
        ("ed", _without_a_column, ["valid.csv: missing column(s) speaker_idx"]),
        ("ed", _conversation_in_two_files, ["is in train and again in test"]),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_prepare_refuses(checkout: Checkout, corpus: str, spoil: Spoil, said: list[str]) -> None:
    raw = {"esconv": "data/sample/esconv", "ed": "data/sample/empathetic_dialogues"}[corpus]
    spoil(checkout.path / raw)
    message = checkout.refusal(
        "prepare",
        corpus=corpus,
        raw=raw,
        plugins="plugins/corpora",
        out=f"data/prepared/{corpus}",
        metrics=f"metrics/prepare/{corpus}.json",
    )
    assert all(part in message for part in said), message
