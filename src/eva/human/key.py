"""The key of a study: which system stood where. Raters never see it."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from eva.artifacts import read_json, write_json
from eva.errors import InputError, raise_if
from eva.human.forms import FORMS, Form

KEY_FILE = "key.json"
_FIELDS = ("form", "systems", "items", "raters", "whole_dialogues", "seed")


@dataclass(frozen=True, slots=True)
class System:
    """A file of responses; the first is the one whose wins and losses are counted."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to rate. `left` is the index of the system on the left, 0 where there is only one.

    `texts` names the responses as they were shown, so that a sheet whose cells were sorted apart
    from their rows is noticed.
    """

    name: str
    dialogue_id: str
    turn: int
    left: int
    texts: str


@dataclass(frozen=True)
class Key:
    """All that turns ratings back into wins and losses; `raters` holds each rater's items in order."""

    form: Form
    systems: tuple[System, ...]
    items: tuple[Item, ...]
    raters: Mapping[str, Sequence[str]]
    whole_dialogues: bool
    seed: int

    @cached_property
    def index(self) -> dict[str, int]:
        """Place of an item by its name."""
        return {item.name: i for i, item in enumerate(self.items)}

    def write(self, folder: Path) -> None:
        """Write `key.json`."""
        write_json(folder / KEY_FILE, {**asdict(self), "form": self.form.name})

    @classmethod
    def read(cls, folder: Path) -> "Key":
        """Read `key.json` of a folder that `eva human export` wrote."""
        path = folder / KEY_FILE
        if not path.is_file():
            raise InputError(f"{path}: no such file; give the folder that `eva human export` wrote")
        return cls.from_dict(read_json(path), str(path))

    @classmethod
    def from_dict(cls, raw: Any, where: str) -> "Key":
        """Rebuild from `key.json`; an `InputError` says what is missing."""
        given = raw if isinstance(raw, dict) else {}
        raise_if((f"`{name}` is missing: is it a key?" for name in _FIELDS if name not in given), where)
        if given["form"] not in FORMS:
            raise InputError(f"{where}: `form` is {given['form']!r}. Known: {', '.join(FORMS)}.")
        try:
            systems = tuple(System(**one) for one in given["systems"])
            items = tuple(Item(**one) for one in given["items"])
        except TypeError as error:
            raise InputError(f"{where}: was edited ({error}); take the file that export wrote") from None
        form = FORMS[given["form"]]
        return cls(form, systems, items, given["raters"], given["whole_dialogues"], given["seed"])


def texts_digest(responses: Sequence[str]) -> str:
    """Sixteen hex digits that name the responses of an item, whatever a spreadsheet did to blanks."""
    bare = ["".join(text.split()).lstrip("'") for text in responses]
    return hashlib.sha256("\0".join(bare).encode()).hexdigest()[:16]
