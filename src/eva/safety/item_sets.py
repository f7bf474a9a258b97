"""Reading of hand-written sets: JSON lines, in one file or in all files of a folder."""

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from eva.artifacts import numbered_lines
from eva.errors import InputError, raise_if
from eva.plain_text import json_value

Row = TypeVar("Row", bound=BaseModel)


def read_sets(place: Path, kind: type[Row]) -> list[Row]:
    """All rows of the file `place`, or of the files `*.jsonl` in the folder `place` in order of name.

    Raises:
        InputError: there is no such file, or lines are no row of this kind; every faulty line is listed.
    """
    rows: list[Row] = []
    problems: list[str] = []
    for path in _files(place):
        prefix = f"{path.name}, " if place.is_dir() else ""
        for number, line in numbered_lines(path):
            found = list(_faults(line, kind, rows))
            problems += [f"{prefix}line {number}: {'; '.join(found)}"] if found else []
    raise_if(problems, place)
    return rows


def _files(place: Path) -> list[Path]:
    files = sorted(place.glob("*.jsonl")) if place.is_dir() else [place]
    if not files:
        raise InputError(f"{place}: the folder has no file *.jsonl; put at least one set there")
    return files


def _faults(line: str, kind: type[Row], rows: list[Row]) -> Iterator[str]:
    """Add the row of a line to `rows`, or yield what is wrong with it."""
    raw, faults = json_value(line)
    yield from faults
    if faults:
        return
    try:
        rows.append(kind.model_validate(raw))
    except ValidationError as error:
        for one in error.errors():
            where = ".".join(map(str, one["loc"]))
            yield f"`{where}`: {one['msg']}" if where else one["msg"]
