"""The runs whose outputs a stage reads, found by the records that lie beside these outputs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from eva.errors import InputError
from eva.record import records
from eva.record.records import Record, Stored


@dataclass(frozen=True)
class Upstream:
    """All runs that a result rests on: their digests by name, and their settings, the nearest first."""

    runs: dict[str, str]
    settings: dict[str, Any]


def upstream_of(name: str, inputs: Mapping[str, Stored], root: Path) -> Upstream:
    """The runs that made `inputs` of the stage item `name`, and those that theirs rest on.

    A file that another run has made since, or that was changed by hand, has no maker.
    """
    makers = [record for record in _latest(root) if record.name != name and _made(record, inputs)]
    runs: dict[str, str] = {}
    settings: dict[str, Any] = {}
    for record in makers:
        runs, settings = (
            {**record.upstream, record.name: record.digest, **runs},
            {**record.settings, **settings},
        )
    for record in makers:
        settings = {**record.upstream_settings, **settings}
    return Upstream(dict(sorted(runs.items())), settings)


def _latest(root: Path) -> list[Record]:
    found = []
    for path in records.latest_paths(root):
        try:
            found.append(records.read_record(path))
        except InputError:  # a record of another version of EVA, or damaged: its run is unknown
            continue
    return found


def _made(record: Record, inputs: Mapping[str, Stored]) -> bool:
    return any(_is_from(entry, made) for entry in inputs.values() for made in record.outputs.values())


def _is_from(entry: Stored, made: Stored) -> bool:
    """Whether an input is this output, or a folder around it, or a file in it."""
    if entry.path == made.path:
        return entry.digest == made.digest
    whole, part = PurePosixPath(entry.path), PurePosixPath(made.path)
    return part.is_relative_to(whole) or whole.is_relative_to(part)
