"""One JSON file per stage run: the truth that the MLflow record is a view of. No MLflow here.

`runs/<stage>/<item>.json` (or `runs/<stage>.json`) is an out of its stage in `dvc.yaml`: DVC pushes,
pulls and restores it together with the other outs of that run, so it always tells how they were made.
It is written once and never changed, which is why it holds no MLflow id.
`runs/history/` of the main checkout keeps every run made there, failed ones and queued experiments
too; `runs/pending/` names those that MLflow has not been told of.
"""

import os
import resource
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from importlib import metadata
from pathlib import Path
from typing import Any

from eva.artifacts import digest_path, fingerprint, read_json, write_json, write_text
from eva.errors import InputError
from eva.record.checkout import main_checkout

_LIBRARIES = ("torch", "transformers", "trl", "peft", "accelerate", "deepspeed", "mlflow", "dvc")
_AXES = ("corpus", "backbone", "seed", "variant")
_RSS_UNIT = 2**20 if sys.platform == "darwin" else 2**10  # macOS counts bytes, Linux KiB


@dataclass(frozen=True)
class Stored:
    """A file or folder, by its path relative to the root and the sha256 of its content."""

    path: str
    digest: str


@dataclass(frozen=True)
class Record:
    """Everything one stage run did.

    `settings` are the keys of `params.yaml` that `dvc.yaml` declares for the stage; `seconds` is wall
    time, `peak_rss_mb` the largest process; `parent_run_id` is the MLflow run that a scheduler handed
    down; `precision` is the number format that was used, by the setting that chose it.
    """

    stage: str
    item: dict[str, str]
    status: str
    settings: dict[str, Any]
    params_digest: str
    inputs: dict[str, Stored]
    outputs: dict[str, Stored]
    metrics: dict[str, float]
    history: list[dict[str, float]]
    artifacts: list[Stored]
    commit: str | None
    dirty: bool
    pipeline: str
    command: str
    started: str
    seconds: float
    peak_rss_mb: float
    versions: dict[str, str]
    reused: bool = False
    error: str | None = None
    parent_run_id: str | None = None
    precision: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The stage and its item as DVC writes them: `sft@esconv-smollm2-1-eva`."""
        return "@".join(filter(None, [self.stage, item_name(self.item)]))

    @property
    def digest(self) -> str:
        """Names the run by its content; MLflow runs carry it as the tag `eva.record`."""
        return fingerprint(asdict(self))

    @property
    def outputs_digest(self) -> str:
        """Names the outputs together, so that a cached output finds the run that made it."""
        return _joined(self.outputs)


def item_name(item: Mapping[str, Any]) -> str:
    """The axis values joined by dashes, in the order given; empty for a stage without axes."""
    return "-".join(str(value) for value in item.values())


def record_path(root: Path, stage: str, item: Mapping[str, Any]) -> Path:
    """Where the latest finished run of an item is recorded."""
    runs = root / "runs"
    return runs / stage / f"{item_name(item)}.json" if item else runs / f"{stage}.json"


def stored(path: Path, root: Path) -> Stored:
    """Name `path` by its place below `root` and its content."""
    full = path if path.is_absolute() else root / path
    shown = full.relative_to(root) if full.is_relative_to(root) else full
    return Stored(shown.as_posix(), digest_path(full))


def outputs_digest(outputs: Mapping[str, Path], root: Path) -> str:
    """The digest that a run with these outputs, as they are on disk now, would have."""
    return _joined({name: stored(path, root) for name, path in outputs.items()})


def write_record(record: Record, root: Path) -> None:
    """Keep `record` in the history, note that MLflow lacks it, and write the stage's out if it finished."""
    value, name = asdict(record), _file_name(record)
    write_json(_history(root) / name, value)
    write_text(_pending(root) / name, "")
    if record.status == "FINISHED":
        write_json(record_path(root, record.stage, record.item), value)


def pending(root: Path) -> list[Record]:
    """Runs made in this checkout that MLflow has not been told of, oldest first."""
    names = [path.name for path in _pending(root).glob("*.json")]
    kept = (path for name in names if (path := _history(root) / name).is_file())
    return sorted(map(read_record, kept), key=lambda record: record.started)


def settle(record: Record, root: Path) -> None:
    """MLflow holds this run completely."""
    (_pending(root) / _file_name(record)).unlink(missing_ok=True)


def latest_paths(root: Path) -> list[Path]:
    """The files of `record_path` that exist."""
    runs = root / "runs"
    local = ("history", "pending")
    return sorted(path for path in runs.rglob("*.json") if path.relative_to(runs).parts[0] not in local)


def read_record(path: Path) -> Record:
    """Read a record; an `InputError` names a file that is not one."""
    return parse_record(read_json(path), str(path))


def parse_record(value: Any, where: str) -> Record:
    """A record from its JSON value; `where` is used in the error."""
    try:
        value = {name: entry for name, entry in value.items() if name != "run_id"}  # held before 0.2
        nested = {
            "item": {axis: value["item"][axis] for axis in sorted(value["item"], key=_place)},
            "inputs": {name: Stored(**entry) for name, entry in value["inputs"].items()},
            "outputs": {name: Stored(**entry) for name, entry in value["outputs"].items()},
            "artifacts": [Stored(**entry) for entry in value["artifacts"]],
        }
        return Record(**{**value, **nested})
    except (TypeError, KeyError, AttributeError) as error:
        raise InputError(
            f"{where}: not the record of a run ({error}); remove it, "
            f"its fields are {', '.join(entry.name for entry in fields(Record))}"
        ) from None


def _place(axis: str) -> tuple[int, str]:
    """The order of axes in an item's name, which a JSON file with sorted keys does not keep."""
    return (_AXES.index(axis), "") if axis in _AXES else (len(_AXES), axis)


def history(root: Path, name: str = "") -> Iterator[Record]:
    """All kept records, or those of one stage item (`Record.name`), oldest first."""
    pattern = f"{name}.*.json" if name else "*.json"
    records = (read_record(path) for path in _history(root).glob(pattern))
    yield from sorted(records, key=lambda record: record.started)


def library_versions() -> dict[str, str]:
    """Versions of Python and of the libraries that a result depends on, where installed."""
    found = {"python": sys.version.split()[0]}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def peak_rss_mb() -> float:
    """Largest resident set so far of this process or of any child that ended, in MiB."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / _RSS_UNIT
    return round(max(_own_peak_mb(), children), 1)


def _own_peak_mb() -> float:
    # getrusage would report at least what the parent held when it forked us; the kernel's own
    # high-water mark starts with our program.
    status = Path(f"/proc/{os.getpid()}/status")
    if not status.is_file():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _RSS_UNIT
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 2**10


def _history(root: Path) -> Path:
    return main_checkout(root) / "runs" / "history"


def _pending(root: Path) -> Path:
    return main_checkout(root) / "runs" / "pending"


def _file_name(record: Record) -> str:
    return f"{record.name}.{record.digest}.json"


def _joined(outputs: Mapping[str, Stored]) -> str:
    return fingerprint(sorted((name, entry.digest) for name, entry in outputs.items()))
