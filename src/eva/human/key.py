"""The key of a study: which system is on which side. Raters must not see it."""

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
    """A file of responses; wins and losses are counted for the first one."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Item:
    """One item to rate.

    `left` is the index of the system on the left, 0 if there is only one. `texts` is a digest of the
    responses as shown; it reveals a sheet in which columns were sorted separately.
    """

    name: str
    dialogue_id: str
    turn: int
    left: int
    texts: str


@dataclass(frozen=True)
class Key:
    """What is needed to turn ratings into wins and losses; `raters` holds each rater's items in order."""

    form: Form
    systems: tuple[System, ...]
    items: tuple[Item, ...]
    raters: Mapping[str, Sequence[str]]
    whole_dialogues: bool
    seed: int

    @cached_property
    def index(self) -> dict[str, int]:
        """Name of an item -> its index."""
        return {item.name: i for i, item in enumerate(self.items)}

    def write(self, folder: Path) -> None:
        """Write `key.json` into `folder`."""
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
        """The key in the content of `key.json`; `InputError` if fields are missing or were changed."""
        given = raw if isinstance(raw, dict) else {}
        raise_if((f"`{name}` is missing: is it a key?" for name in _FIELDS if name not in given), where)
        if given["form"] not in FORMS:
            raise InputError(f"{where}: `form` is {given['form']!r}. Known: {', '.join(FORMS)}.")
        try:
            systems = tuple(System(**one) for one in given["systems"])
            items = tuple(Item(**one) for one in given["items"])
        except TypeError as error:
            raise InputError(
                f"{where}: it was edited ({error}); use the file that the export wrote"
            ) from None
        form = FORMS[given["form"]]
        return cls(form, systems, items, given["raters"], given["whole_dialogues"], given["seed"])


def texts_digest(responses: Sequence[str]) -> str:
    """A digest (16 hex digits) of an item's responses; white space, which spreadsheets change, is ignored."""
    bare = ["".join(text.split()).lstrip("'") for text in responses]
    return hashlib.sha256("\0".join(bare).encode()).hexdigest()[:16]
