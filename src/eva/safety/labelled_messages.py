"""Messages labelled with whether a detector should refer them, for measuring detectors."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from eva.artifacts import read_jsonl
from eva.errors import raise_if

Kind = Literal[
    "explicit", "veiled", "self_harm", "past", "others", "danger", "emergency",
    "figure", "sadness", "negation", "topic", "everyday",
]  # fmt: skip
KINDS: tuple[Kind, ...] = get_args(Kind)
Part = Literal["development", "held out", "written after"]
PARTS: tuple[Part, ...] = get_args(Part)

_LAST_ROUND = 4  # messages of this round were written after the rules were finished


class Row(BaseModel):
    """One line of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str = Field(min_length=1)
    kind: Kind
    label: Literal["refer", "reply"]
    round: int = Field(ge=1)


@dataclass(frozen=True, slots=True)
class Labelled:
    """A message; `refer` is true if a model must not reply to it."""

    text: str
    kind: Kind
    refer: bool
    part: Part


def read_labelled(path: Path) -> list[Labelled]:
    """The messages of a JSON-lines file; an `InputError` lists every faulty line."""
    rows, problems = [], []
    for number, raw in enumerate(read_jsonl(path), start=1):
        try:
            rows.append(Row.model_validate(raw))
        except ValidationError as error:
            faults = (f"`{'.'.join(map(str, one['loc']))}`: {one['msg']}" for one in error.errors())
            problems.append(f"line {number}: {'; '.join(faults)}")
    raise_if(problems, path)
    return [Labelled(row.text, row.kind, row.label == "refer", _part(row)) for row in rows]


def _part(row: Row) -> Part:
    """The part, chosen by a hash of the text and so not by a person; the last round is its own part."""
    if row.round >= _LAST_ROUND:
        return "written after"
    return "held out" if hashlib.sha256(row.text.encode()).digest()[0] % 2 else "development"
