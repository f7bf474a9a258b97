"""The key of an annotation round: who got which item, with its candidates in which order.

Annotators must not see it: it names the candidates, whose levels `candidates.jsonl` beside it holds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from eva.annotation.assignment import Task
from eva.artifacts import digest_file, read_json, write_json
from eva.data.candidates import Candidate, by_item, read_candidates
from eva.errors import InputError, raise_if

KEY_FILE = "key.json"
CANDIDATES_FILE = "candidates.jsonl"
_FIELDS = ("project", "kind", "candidates_sha256", "assignments", "shared", "seed")


class Kind(StrEnum):
    """What annotators do: rank the candidates of an item, or say which level each candidate shows."""

    RANKING = "ranking"
    LEVELS = "levels"


@dataclass(frozen=True)
class RoundKey:
    """The tasks of each annotator's page, and those of the Label Studio project, which all `shared`.

    `project` identifies the round in every file of answers.
    """

    project: str
    kind: Kind
    candidates_sha256: str
    assignments: Mapping[str, Sequence[Task]]
    shared: Sequence[Task]
    seed: int

    def write(self, folder: Path) -> None:
        """Write `key.json` into `folder`."""
        write_json(folder / KEY_FILE, asdict(self))

    @classmethod
    def read(cls, folder: Path) -> "RoundKey":
        """Read `key.json` of a folder that `eva annotate export` wrote."""
        path = folder / KEY_FILE
        if not path.is_file():
            raise InputError(f"{path}: no such file; give the folder that `eva annotate export` wrote")
        raw = read_json(path)
        given = raw if isinstance(raw, dict) else {}
        raise_if((f"`{name}` is missing: is it a key?" for name in _FIELDS if name not in given), path)
        try:
            assignments = {name: _tasks(tasks) for name, tasks in given["assignments"].items()}
            return cls(**{**given, "kind": Kind(given["kind"]), "assignments": assignments,
                          "shared": _tasks(given["shared"])})  # fmt: skip
        except (TypeError, ValueError, AttributeError, KeyError) as error:
            raise InputError(f"{path}: it was edited ({error}); use the file of the export") from None


def _tasks(rows: Sequence[Mapping[str, Any]]) -> tuple[Task, ...]:
    return tuple(Task(**{**row, "shown": tuple(row["shown"])}) for row in rows)


@dataclass(frozen=True)
class Round:
    """A round's key and the candidates of each item."""

    key: RoundKey
    items: Mapping[str, Sequence[Candidate]]

    @classmethod
    def read(cls, folder: Path) -> "Round":
        """Read a folder that `eva annotate export` wrote; `InputError` if its candidates were changed."""
        key, path = RoundKey.read(folder), folder / CANDIDATES_FILE
        if not path.is_file() or digest_file(path) != key.candidates_sha256:
            raise InputError(
                f"{path}: these are not the candidates that were given out; copy the file back with which "
                "the round was exported"
            )
        return cls(key, by_item(read_candidates(path)))
