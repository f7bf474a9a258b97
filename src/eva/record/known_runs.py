"""All recorded runs of a checkout, by the names under which a person knows them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from eva.errors import InputError
from eva.record import mlflow_store as store
from eva.record import records
from eva.record.records import Record

_ID, _LEAST = 32, 6  # characters of an MLflow id; of a digest that is cut short


@dataclass(frozen=True)
class KnownRun:
    """A pipeline run, or the run of one stage; `results` are the latest records of all that it rests on."""

    name: str
    own: tuple[Record, ...]
    results: dict[str, Record]


def all_records(root: Path) -> list[Record]:
    """Every record once, oldest first; a fresh clone has no history, only those among the stage outputs."""
    latest = [records.read_record(path) for path in records.latest_paths(root)]
    every = {record.digest: record for record in [*records.history(root), *latest]}
    return sorted(every.values(), key=lambda record: record.started)


def pipeline_runs(every: Iterable[Record]) -> dict[str, list[Record]]:
    """The records of each pipeline run by its key, in the order in which the pipeline runs began."""
    found: dict[str, list[Record]] = {}
    for record in every:
        if record.pipeline_run:
            found.setdefault(record.pipeline_run.key, []).append(record)
    return found


def find_run(wanted: str, every: Sequence[Record], root: Path) -> KnownRun:
    """The latest run of that name.

    Args:
        wanted: the name of a pipeline run, of a stage (`sft@esconv-smollm2-1-eva`), the id of an MLflow run,
            or the start of a record's digest.
        every: all records.
        root: the checkout; its MLflow is asked only for an id.

    Raises:
        InputError: there is none.
    """
    known = {record.digest: record for record in every}
    own = _own(wanted, every) or _by_id(wanted, every, root)
    if not own:
        names = dict.fromkeys(r.pipeline_run.name for r in reversed(every) if r.pipeline_run)
        raise InputError(
            f"no recorded run {wanted!r}; give the name of a pipeline run (latest: "
            f"{', '.join(list(names)[:5]) or 'none'}; all: `eva runs list`), a stage such as "
            "`sft@esconv-smollm2-1-eva`, or the id of a run in MLflow"
        )
    return KnownRun(wanted, tuple(own), _results(own, known))


def _own(wanted: str, every: Sequence[Record]) -> list[Record]:
    for runs in reversed(pipeline_runs(every).values()):
        first = runs[0].pipeline_run
        if first and wanted in (first.name, first.key):
            return runs
    named = (r for r in reversed(every) if r.name == wanted or _is_start(wanted, r.digest))
    return [record for record in [next(named, None)] if record]


def _is_start(wanted: str, digest: str) -> bool:
    return len(wanted) >= _LEAST and digest.startswith(wanted)


def _by_id(wanted: str, every: Sequence[Record], root: Path) -> list[Record]:
    if len(wanted) != _ID or not wanted.isalnum():
        return []
    with store.needed(root):
        opened = store.connect(root)
        if not opened.exists(wanted):
            return []
        tags = opened.client.get_run(wanted).data.tags
    return _own(tags.get("eva.record") or tags.get("eva.parent") or "", every)


def _results(own: Sequence[Record], known: dict[str, Record]) -> dict[str, Record]:
    found = {record.name: record for record in own}
    for name, record in _rested_on(own, known):
        found.setdefault(name, record)
    return found


def _rested_on(own: Sequence[Record], known: dict[str, Record]) -> Iterator[tuple[str, Record]]:
    for record in reversed(own):
        for name, digest in record.upstream.items():
            if digest in known:
                yield name, known[digest]
