"""The record of a stage run as a JSON file, and the folders of records. MLflow is not used here.

`runs/<stage>/<item>.json` (or `runs/<stage>.json`) is an output of its stage in `dvc.yaml`: DVC pushes,
pulls and restores it together with the other outputs of that run, so it always says how they were made.
It is written once and never changed; therefore it holds no MLflow id. `runs/history/` of the main
checkout keeps every run made there, including failed ones and queued experiments; `runs/pending/` lists
those that are not in MLflow yet.
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
from eva.record.pipeline_run import PipelineRun

_LIBRARIES = ("torch", "transformers", "trl", "peft", "accelerate", "deepspeed", "mlflow", "dvc")
_AXES = ("corpus", "backbone", "seed", "variant")
_RSS_UNIT = 2**20 if sys.platform == "darwin" else 2**10  # macOS counts bytes, Linux KiB


@dataclass(frozen=True)
class Stored:
    """A file or folder: its path, relative to the checkout, and the sha256 of its content."""

    path: str
    digest: str


@dataclass(frozen=True)
class Record:
    """All facts about one run of a stage.

    Attributes:
        stage: name of the stage.
        item: its axis values, e.g. {"corpus": "esconv"}.
        status: FINISHED, FAILED, KILLED or RUNNING, as MLflow has them.
        settings: the keys of `params.yaml` that `dvc.yaml` declares for the stage.
        params_digest: fingerprint of `settings`.
        inputs: what it read, by name.
        outputs: what it wrote, by name; empty unless it finished.
        metrics: final numbers by name.
        history: one row of numbers per logged step, with `time` in seconds since 1970 where it is known.
        artifacts: small files that are copied into MLflow.
        commit: hash of the git commit, or None.
        dirty: whether files differed from the commit.
        pipeline: digest of commit, code and parameters; equal for all stages of one pipeline run.
        command: the command line.
        started: time of the start, ISO 8601, UTC.
        seconds: wall time.
        peak_rss_mb: largest resident memory of a process, in MiB.
        versions: of Python and libraries.
        reused: whether the result was found in the checkpoint store instead of trained.
        error: the error that ended the run, or None.
        parent_run_id: the MLflow parent run that a scheduler gave, or None.
        precision: number format (`bf16` or `fp32`) by the setting that chose it.
        tags: further MLflow tags.
        pipeline_run: the flow run, experiment or `dvc repro` that it belongs to.
        upstream: the runs that its inputs rest on, each with the digest of its record.
        upstream_settings: what these obeyed, by the same keys as `settings`.
        dvc_lock: sha256 of `dvc.lock` at the start, or None.
        samples: of processor, memory and GPUs, each with `time` in seconds since 1970.
        headline: numbers that stand on the parent run too, by name.
        tables: artifacts that MLflow shows as tables.
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
    pipeline_run: PipelineRun | None = None
    upstream: dict[str, str] = field(default_factory=dict)
    upstream_settings: dict[str, Any] = field(default_factory=dict)
    dvc_lock: str | None = None
    samples: list[dict[str, float]] = field(default_factory=list)
    headline: dict[str, float] = field(default_factory=dict)
    tables: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The stage and its item as DVC names them: `sft@esconv-smollm2-1-eva`."""
        return "@".join(filter(None, [self.stage, item_name(self.item)]))

    @property
    def digest(self) -> str:
        """Fingerprint of the record; MLflow runs have it as the tag `eva.record`."""
        return fingerprint(asdict(self))

    @property
    def outputs_digest(self) -> str:
        """Fingerprint of all outputs, by which the run that produced a cached output is found."""
        return fingerprint(sorted((name, entry.digest) for name, entry in self.outputs.items()))


def item_name(item: Mapping[str, Any]) -> str:
    """The axis values joined by dashes, in their order; empty for a stage without axes."""
    return "-".join(str(value) for value in item.values())


def record_path(root: Path, stage: str, item: Mapping[str, Any]) -> Path:
    """The file with the record of the latest finished run of an item."""
    runs = root / "runs"
    return runs / stage / f"{item_name(item)}.json" if item else runs / f"{stage}.json"


def stored(path: Path, root: Path) -> Stored:
    """`path`, relative to `root` if it is inside, and the digest of its content."""
    full = path if path.is_absolute() else root / path
    shown = full.relative_to(root) if full.is_relative_to(root) else full
    return Stored(shown.as_posix(), digest_path(full))


def write_record(record: Record, root: Path) -> None:
    """Write `record` to the history, mark it as pending for MLflow, and if it finished, to `record_path`."""
    value, name = asdict(record), _file_name(record)
    write_json(_history(root) / name, value)
    write_text(_pending(root) / name, "")
    if record.status == "FINISHED":
        write_json(record_path(root, record.stage, record.item), value)


def pending(root: Path) -> list[Record]:
    """The runs of this checkout that are not in MLflow yet, oldest first."""
    names = [path.name for path in _pending(root).glob("*.json")]
    kept = (path for name in names if (path := _history(root) / name).is_file())
    return sorted(map(read_record, kept), key=lambda record: record.started)


def settle(record: Record, root: Path) -> None:
    """Mark the run as completely written into MLflow, so no longer pending."""
    (_pending(root) / _file_name(record)).unlink(missing_ok=True)


def latest_paths(root: Path) -> list[Path]:
    """The existing files of `record_path` of all stages and items."""
    runs = root / "runs"
    local = ("history", "pending")
    return sorted(path for path in runs.rglob("*.json") if path.relative_to(runs).parts[0] not in local)


def read_record(path: Path) -> Record:
    """Read a record; `InputError` if the file is not one."""
    return parse_record(read_json(path), str(path))


def parse_record(value: Any, where: str) -> Record:
    """A record from its JSON value; `where` names the file in the `InputError`."""
    try:
        value = {name: entry for name, entry in value.items() if name != "run_id"}  # held before 0.2
        nested = {
            "item": {axis: value["item"][axis] for axis in sorted(value["item"], key=_place)},
            "inputs": {name: Stored(**entry) for name, entry in value["inputs"].items()},
            "outputs": {name: Stored(**entry) for name, entry in value["outputs"].items()},
            "artifacts": [Stored(**entry) for entry in value["artifacts"]],
            "pipeline_run": PipelineRun(**given) if (given := value.get("pipeline_run")) else None,
        }
        return Record(**{**value, **nested})
    except (TypeError, KeyError, AttributeError) as error:
        raise InputError(
            f"{where}: not the record of a run ({error}); remove the file. A record has the fields "
            f"{', '.join(entry.name for entry in fields(Record))}"
        ) from None


def _place(axis: str) -> tuple[int, str]:
    """Sort key of an axis: the order of axes in an item's name, which JSON with sorted keys loses."""
    return (_AXES.index(axis), "") if axis in _AXES else (len(_AXES), axis)


def history(root: Path, name: str = "") -> Iterator[Record]:
    """All records in the history, or those of one stage item (`Record.name`), oldest first."""
    pattern = f"{name}.*.json" if name else "*.json"
    records = (read_record(path) for path in _history(root).glob(pattern))
    named = (record for record in records if record.name == (name or record.name))  # `b.*` finds b.5, too
    yield from sorted(named, key=lambda record: record.started)


def library_versions() -> dict[str, str]:
    """The versions of Python and of the installed libraries that a result depends on."""
    found = {"python": sys.version.split()[0]}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def peak_rss_mb() -> float:
    """Largest resident memory so far of this process or of one of its ended children, in MiB."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / _RSS_UNIT
    return round(max(_own_peak_mb(), children), 1)


def _own_peak_mb() -> float:
    # getrusage reports at least the memory of the parent when it forked this process; the kernel's
    # high-water mark (VmHWM) starts with this program.
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
