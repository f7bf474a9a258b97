"""The forecast beside what the stages of this checkout took, as their records tell."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from eva.errors import InputError
from eva.fit.fit_table import aligned, duration
from eva.fit.forecast import Forecast, gigabytes
from eva.record.records import Record, read_record

_PAUSE = timedelta(seconds=60)  # between two items of one `dvc repro`: no process starts as slowly


@dataclass(frozen=True)
class Taken:
    """Seconds of an item, its start and DVC's own work included, and the bytes of its largest process."""

    seconds: float
    memory: float


def comparison(forecasts: Sequence[Forecast], root: Path) -> str:
    """A table of stages: forecast, real and their ratio, of time and of memory.

    Items count that have a record here. An `InputError` says that none has.
    """
    taken = _taken(list(_records(root)))
    known = [one for one in forecasts if one.name in taken and one.seconds is not None]
    if not known:
        raise InputError(
            "no stage of these settings has run here, so there is nothing to compare: `dvc repro`"
        )
    by_stage: dict[str, list[Forecast]] = defaultdict(list)
    for one in known:
        by_stage[one.cost.stage].append(one)
    rows = [_row(stage, own, taken) for stage, own in by_stage.items()]
    head = ("stage", "items", "forecast", "real", "ratio", "memory forecast", "real", "ratio")
    return aligned([head, *rows, _row("total", known, taken)])


def _row(name: str, own: Sequence[Forecast], taken: Mapping[str, Taken]) -> tuple[str, ...]:
    told, real = sum(one.seconds or 0.0 for one in own), sum(taken[one.name].seconds for one in own)
    most, held = max(one.memory for one in own), max(taken[one.name].memory for one in own)
    return (
        name, str(len(own)), duration(told), duration(real), f"{told / real:.2f}",
        gigabytes(most), gigabytes(held), f"{most / held:.2f}",
    )  # fmt: skip


def _records(root: Path) -> Iterator[Record]:
    for path in [*(root / "runs").glob("*.json"), *(root / "runs").glob("*/*.json")]:
        if path.parent.name not in ("history", "pending"):
            yield read_record(path)


def _taken(records: Sequence[Record]) -> dict[str, Taken]:
    """What each item took: from the end of the item before it, where one ended just before."""
    taken, before = dict[str, Taken](), None
    for record in sorted(records, key=lambda one: one.started):
        began = datetime.fromisoformat(record.started)
        ended = began + timedelta(seconds=record.seconds)
        first = before if before is not None and timedelta() <= began - before < _PAUSE else began
        taken[record.name] = Taken((ended - first).total_seconds(), record.peak_rss_mb * 2**20)
        before = ended
    return taken
