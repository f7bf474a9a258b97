"""The `eva` command, called in this process from an empty folder."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from eva.cli import main


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str


Eva = Callable[..., Outcome]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def eva(here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Eva:
    """`eva("score", path, …)`: the command's real entry, its exit code and its two streams."""

    def run(*words: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["eva", *map(str, words)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        streams = capsys.readouterr()
        code = ended.value.code
        return Outcome(code if isinstance(code, int) else int(code is not None), streams.out, streams.err)

    return run


def row(dialogue: str = "a", turn: int = 1, n_turns: int = 2, **changed: Any) -> dict[str, Any]:
    """A good line of a responses file, with some fields changed."""
    asked = {"role": "user", "content": "I lost my job and I cannot sleep."}
    return {
        "dialogue_id": dialogue,
        "turn": turn,
        "n_turns": n_turns,
        "history": [asked],
        "response": f"That sounds hard. What happened in week {turn}?",
        "reference": "That sounds hard, how long has it been?",
        **changed,
    }


def write_rows(path: Path, rows: Sequence[Mapping[str, Any] | str]) -> Path:
    """A responses file; a text is written as it is."""
    path.write_text("".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in rows))
    return path
