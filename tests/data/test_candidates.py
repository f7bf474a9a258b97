"""The files between collection and annotation, and what is refused in them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from eva.data.candidates import (
    Candidate,
    Ranked,
    read_candidates,
    read_ranked,
    write_candidates,
    write_ranked,
)
from eva.data.dialogue import Dialogue, Turn
from eva.errors import InputError

TURNS = (
    Turn("user", "I lost it."),
    Turn("assistant", "What?"),
    Turn("user", "All."),
    Turn("assistant", "Oh."),
)
FIRST, SECOND = Dialogue("esconv-7", "esconv", 7, TURNS).supporter_turns()
CANDIDATES = [Candidate.at(turn, f"Text {n}.", n, "model-x") for turn in (FIRST, SECOND) for n in (1, 2)]


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    write_candidates(tmp_path / "candidates.jsonl", CANDIDATES)
    order = tuple(one.candidate for one in CANDIDATES[:2])
    write_ranked(tmp_path / "ranked.jsonl", [Ranked("esconv-7:1", order, 12, 3, kept=True)])
    return tmp_path / "candidates.jsonl", tmp_path / "ranked.jsonl"


def _change(path: Path, line: int, **values: Any) -> None:
    rows = [json.loads(row) for row in path.read_text().splitlines()]
    rows[line].update(values)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_both_files_are_read_as_they_were_written(files: tuple[Path, Path]) -> None:
    candidates = read_candidates(files[0])
    assert candidates == CANDIDATES
    assert (candidates[2].item, candidates[2].quartile, len(candidates[2].history)) == ("esconv-7:2", 4, 3)
    (ranked,) = read_ranked(files[1], candidates)
    assert (ranked.order[0], ranked.against, ranked.ranker) == (CANDIDATES[0].candidate, 3, "people")


def test_an_id_tells_neither_level_nor_author() -> None:
    names = {Candidate.at(FIRST, "Same.", level, "m").candidate for level in (1, 2, 3, 4)}
    assert len(names) == 4
    assert all(len(name) == 8 for name in names)


def test_every_edited_or_repeated_line_is_named(files: tuple[Path, Path]) -> None:
    _change(files[0], 0, text="Better.")
    files[0].write_text(files[0].read_text() + "[1]\n" + files[0].read_text().splitlines()[1] + "\n")
    with pytest.raises(InputError) as caught:
        read_candidates(files[0])
    message = str(caught.value)
    assert "line 1: does not match its digest" in message
    assert "line 5: expected an object, got list" in message
    assert "line 6: candidate" in message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"item": "esconv-8:1"}, "a ranking of another collection"),
        ({"order": ["nobody"]}, "each once at most"),
        ({"order": [CANDIDATES[0].candidate] * 2}, "each once at most"),
        ({"order": [CANDIDATES[0].candidate]}, "with 1 candidates: a pair needs two"),
        ({"against": 13}, "no counts of annotators"),
        ({"kept": "yes"}, "expected true or false"),
        ({"votes": 3}, "unknown votes"),
    ],
)
def test_a_ranking_that_cannot_be_is_refused(
    files: tuple[Path, Path], change: dict[str, Any], message: str
) -> None:
    _change(files[1], 0, **change)
    with pytest.raises(InputError, match=message):
        read_ranked(files[1], CANDIDATES)


def test_an_item_that_is_ranked_twice_is_refused(files: tuple[Path, Path]) -> None:
    one = read_ranked(files[1], CANDIDATES)[0]
    write_ranked(files[1], [one, replace(one, against=0)])
    with pytest.raises(InputError, match="item esconv-7:1 occurs 2 times"):
        read_ranked(files[1], CANDIDATES)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "candidates.jsonl").write_text("\n")
    with pytest.raises(InputError, match="holds no line"):
        read_candidates(tmp_path / "candidates.jsonl")
