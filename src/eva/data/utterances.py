"""Helpers of all corpus loaders: utterances, joining them into turns, and collecting problems of a file."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from eva.data.dialogue import Dialogue, Role, Turn
from eva.errors import InputError, raise_if

_LISTED = 20

SPLITS = ("train", "valid", "test")


@dataclass(frozen=True, slots=True)
class Utterance:
    """One message of the source with its white space collapsed; `strategy` is None if it has no label."""

    role: Role
    text: str
    strategy: str | None = None


@dataclass(frozen=True)
class Loaded:
    """A corpus as read: dialogues by split, and dialogue id -> number of utterances before joining."""

    splits: Mapping[str, list[Dialogue]]
    utterances: Mapping[str, int]


@dataclass
class Problems:
    """The problems of one file, collected so that the user sees all of them at once."""

    path: Path
    found: list[str] = field(default_factory=list)

    def add(self, where: str, what: str) -> None:
        self.found.append(f"{where}: {what}" if where else what)

    def refuse(self) -> None:
        """Raise one `InputError` with the first 20 problems and the number of the others."""
        raise_if(self.found, self.path, _LISTED)


def collapse(text: str) -> str:
    """`text` stripped, with every run of white space replaced by one space."""
    return " ".join(text.split())


def join(utterances: Iterable[Utterance]) -> tuple[Turn, ...]:
    """Join consecutive utterances of one speaker into one turn (ADR 8)."""
    turns = []
    for role, run in groupby(utterances, key=lambda utterance: utterance.role):
        said = list(run)
        labelled = [(u.text, u.strategy) for u in said if u.strategy is not None]
        parts = tuple(text for text, _ in labelled) if len(said) > 1 else ()
        turns.append(Turn(role, " ".join(u.text for u in said), tuple(name for _, name in labelled), parts))
    return tuple(turns)


def require_folder(path: Path, holds: str) -> None:
    """Raise `InputError` if a corpus folder does not exist; `holds` names the files that it should hold."""
    if not path.is_dir():
        raise InputError(
            f"{path}: no such folder; it should hold {holds}. Get the data with `eva data import DIR` "
            "or `eva data fetch`, or correct the path in params.yaml"
        )
