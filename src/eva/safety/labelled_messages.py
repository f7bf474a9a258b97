"""Messages labelled with whether a detector should refer them, for training and measuring detectors."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field

from eva.errors import InputError, raise_if
from eva.safety.item_sets import read_sets
from eva.safety.wording import repeated

Kind = Literal[
    "explicit", "veiled", "self_harm", "past", "others", "danger", "emergency",
    "figure", "sadness", "negation", "topic", "everyday",
]  # fmt: skip
KINDS: tuple[Kind, ...] = get_args(Kind)
Part = Literal["development", "held out", "written after"]
PARTS: tuple[Part, ...] = get_args(Part)
TEST = PARTS[-1]


class Row(BaseModel):
    """One line of a file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str = Field(min_length=1)
    kind: Kind
    label: Literal["refer", "reply"]
    part: Part


@dataclass(frozen=True, slots=True)
class Labelled:
    """A message; `refer` is true if a model must not reply to it."""

    text: str
    kind: Kind
    refer: bool
    part: Part

    @classmethod
    def of(cls, row: Row) -> Self:
        return cls(row.text, row.kind, row.label == "refer", row.part)


def read_labelled(place: Path) -> list[Labelled]:
    """The messages of a JSON-lines file, or of all such files of a folder.

    Raises:
        InputError: lines that are not such messages, and messages of `written after` whose wording is that
            of a message in another part; all of them are listed.
    """
    messages = [Labelled.of(row) for row in read_sets(place, Row)]
    raise_if(_leaks(messages), place)
    return messages


def require_both(messages: Sequence[Labelled], place: Path) -> None:
    """Raise `InputError` unless each part has messages of both labels, so that all of it can be measured."""
    missing = [
        f"no message of part `{part}` has the label `{label}`"
        for part in PARTS
        for label, refer in (("refer", True), ("reply", False))
        if not any(one.part == part and one.refer == refer for one in messages)
    ]
    if missing:
        raise InputError(f"{place}: {'; '.join(missing)}; a detector is fitted and measured on both", missing)


def _leaks(messages: Sequence[Labelled]) -> Iterator[str]:
    known = [one.text for one in messages if one.part != TEST]
    for text, like in repeated([one.text for one in messages if one.part == TEST], known):
        yield f"{text!r} (`{TEST}`) has nearly the words of {like!r}, known to detectors; reword one"
