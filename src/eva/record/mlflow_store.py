"""The MLflow store: its address, and writing a record into it."""

import json
import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from eva.errors import InputError
from eva.record.changes import flatten
from eva.record.checkout import lock, main_checkout
from eva.record.records import Record

log = logging.getLogger(__name__)

EXPERIMENT = "eva"
_LARGEST_ARTIFACT = 5 * 2**20
_LONGEST_PARAM, _LONGEST_TAG, _LONGEST_DIGEST = 6000, 5000, 36
_PER_BATCH = 100
_NOT_IN_A_METRIC = re.compile(r"[^\w\-. :/]")


@dataclass(frozen=True)
class Store:
    """An open MLflow store: its client, its tracking URI, and the id of EVA's experiment in it."""

    client: Any
    address: str
    experiment: str
    root: Path

    def create(self, name: str, tags: Mapping[str, str], started_ms: int | None = None) -> str:
        """Start a run and return its id."""
        shown = {key: value[:_LONGEST_TAG] for key, value in tags.items()}
        run = self.client.create_run(self.experiment, start_time=started_ms, tags=shown, run_name=name)
        return str(run.info.run_id)

    def find(self, **tags: str) -> list[Any]:
        """The runs that have all these tags (given without their prefix `eva.`), oldest first."""
        words = " and ".join(f"tags.`eva.{name}` = '{value}'" for name, value in tags.items())
        return list(self.client.search_runs([self.experiment], words, order_by=["start_time ASC"]))

    def children(self, parent: str) -> list[Any]:
        """The runs of a parent run, oldest first."""
        words = f"tags.`mlflow.parentRunId` = '{parent}'"
        return list(self.client.search_runs([self.experiment], words, order_by=["start_time ASC"]))

    def running(self, host: str) -> list[Any]:
        """The runs that processes of a host have started and not ended."""
        words = f"attributes.status = 'RUNNING' and tags.`eva.host` = '{host}'"
        return list(self.client.search_runs([self.experiment], words))

    def exists(self, run_id: str | None) -> bool:
        """Whether the store holds this run."""
        from mlflow.exceptions import MlflowException

        try:
            return run_id is not None and self.client.get_run(run_id) is not None
        except MlflowException as error:
            if not is_absent(error):
                raise
            return False


def is_absent(error: Any) -> bool:
    """Whether a `MlflowException` says that something is not there, and not that MLflow is away."""
    return error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}


def address(root: Path) -> str:
    """The tracking URI: `MLFLOW_TRACKING_URI` if set, else an SQLite file in the main checkout."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{main_checkout(root) / 'mlflow.db'}"


def unusable(root: Path, error: Exception) -> InputError:
    """The error of a user whose MLflow cannot be reached or used, in one line."""
    said = (str(error).strip().splitlines() or [type(error).__name__])[0]
    remedy = "; start it (`make up`), or unset MLFLOW_TRACKING_URI to use the database of this checkout"
    named = remedy if os.environ.get("MLFLOW_TRACKING_URI") else ""
    return InputError(f"MLflow at {address(root)} cannot be used ({said[:200]}){named}")


@contextmanager
def needed(root: Path) -> Iterator[None]:
    """A block that cannot do without MLflow: whatever MLflow raises becomes one `InputError`."""
    try:
        yield
    except (ImportError, InputError):  # of a missing module, the command names the extra
        raise
    except Exception as error:
        raise unusable(root, error) from None


def connect(root: Path) -> Store:
    """Open the store; the first call creates database and experiment, which takes about two seconds."""
    quiet()
    from mlflow.tracking import MlflowClient

    where = address(root)
    with creation_lock(root):
        client = MlflowClient(where, where)
        found = client.get_experiment_by_name(EXPERIMENT)
        experiment = found.experiment_id if found else _create_experiment(client, where, root)
    return Store(client, where, experiment, root)


def creation_lock(root: Path) -> AbstractContextManager[None]:
    """A lock between processes, held while something that must exist only once is looked up and created."""
    return lock(root, "tracking", 120)


def write(store: Store, run_id: str, record: Record) -> None:
    """Log all of `record` to the run and end it; the tag `eva.record`, set last, marks it as complete."""
    _log_values(store.client, run_id, record)
    _log_datasets(store.client, run_id, record)
    _log_files(store, run_id, record)
    store.client.set_tag(run_id, "eva.record", record.digest)
    store.client.set_terminated(run_id, record.status, end_time=ended_ms(record))


def started_ms(record: Record) -> int:
    """Start of the run in milliseconds since 1970."""
    return int(datetime.fromisoformat(record.started).timestamp() * 1000)


def ended_ms(record: Record) -> int:
    """End of the run in milliseconds since 1970."""
    return started_ms(record) + int(record.seconds * 1000)


def run_tags(record: Record, parent: str | None) -> dict[str, str]:
    """The tags of a run that are known when it starts; runs are found by them."""
    tags = {
        "eva.stage": record.stage,
        "eva.item": item_tag(record),
        "eva.started": record.started,
        "eva.pipeline": record.pipeline_run.name if record.pipeline_run else record.pipeline,
        "eva.commit": record.commit or "none",
        "eva.dirty": str(record.dirty).lower(),
        "eva.params": record.params_digest,
        "eva.code": record.pipeline,
        "eva.dvc_lock": record.dvc_lock or "none",
        "mlflow.source.name": record.command,
        "mlflow.source.type": "JOB",
        **{f"eva.{axis}": value for axis, value in record.item.items()},
        **({"mlflow.source.git.commit": record.commit} if record.commit else {}),
        **({"mlflow.parentRunId": parent} if parent else {}),
    }
    return {key: value[:_LONGEST_TAG] for key, value in tags.items()}


def item_tag(record: Record) -> str:
    """The value of the tag `eva.item`: the axis values joined by `/`."""
    return "/".join(record.item.values())


def log_params(client: Any, run_id: str, params: Mapping[str, Any]) -> None:
    """Log nested settings as params `section.key`, cut to the length that MLflow allows."""
    from mlflow.entities import Param

    for part in _batches([Param(key, value[:_LONGEST_PARAM]) for key, value in flatten(params).items()]):
        client.log_batch(run_id, params=part)


def known_params(record: Record) -> dict[str, Any]:
    """The params of a run: its axes, its settings, and those of the runs that it rests on."""
    return {**record.upstream_settings, **record.settings, **record.item}


def points(prefix: str, row: Mapping[str, float], time_ms: int | None = None) -> list[Any]:
    """The metrics of a row, at its `step` and `time`; without a time, at `time_ms`."""
    from mlflow.entities import Metric

    when = int(row["time"] * 1000) if "time" in row else time_ms
    values = {key: value for key, value in row.items() if key not in ("step", "time") and value is not None}
    step = int(row.get("step", 0))
    return [Metric(metric_name(f"{prefix}{key}"), value, when, step) for key, value in values.items()]


def send(client: Any, run_id: str, metrics: list[Any]) -> None:
    """Log metrics; those that the run has already are not doubled."""
    for part in _batches(metrics):
        client.log_batch(run_id, metrics=part)


def _log_values(client: Any, run_id: str, record: Record) -> None:
    from mlflow.entities import RunTag

    ended = ended_ms(record)
    metrics = points("", _all_metrics(record), ended)
    for prefix, rows in (("curve/", record.history), ("system/", record.samples)):
        for number, row in enumerate(rows):
            metrics += points(prefix, {"step": number, **row}, ended)
    send(client, run_id, metrics)
    log_params(client, run_id, known_params(record))
    tags = [RunTag(key, value[:_LONGEST_TAG]) for key, value in _closing_tags(record).items()]
    client.log_batch(run_id, tags=tags)


def _all_metrics(record: Record) -> dict[str, float]:
    return {**record.metrics, "system/seconds": record.seconds, "system/peak_rss_mb": record.peak_rss_mb}


def _closing_tags(record: Record) -> dict[str, str]:
    made = [f"- `{entry.path}` sha256 `{entry.digest[:12]}`" for entry in record.outputs.values()]
    code = f"Commit {record.commit or 'none'}{' with changes' if record.dirty else ''}."
    note = "\n".join([f"`{record.name}` {record.status.lower()}. {code}", "", *made])
    return {
        "eva.outputs": record.outputs_digest,
        "eva.reused": str(record.reused).lower(),
        "mlflow.note.content": note,
        **({"eva.error": record.error} if record.error else {}),
        **({"mlflow.loggedArtifacts": _tables(record)} if record.tables else {}),
        **{f"eva.{key}": value for key, value in record.tags.items()},
        **{f"eva.precision.{setting}": name for setting, name in record.precision.items()},
        **{f"eva.version.{key}": value for key, value in record.versions.items()},
    }


def _tables(record: Record) -> str:
    return json.dumps([{"path": path, "type": "table"} for path in record.tables])


def _log_datasets(client: Any, run_id: str, record: Record) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    def dataset(name: str, path: str, digest: str) -> Any:
        source = json.dumps({"uri": path, "sha256": digest})
        entry = Dataset(name=name, digest=digest[:_LONGEST_DIGEST], source_type="dvc", source=source)
        return DatasetInput(entry, [InputTag("mlflow.data.context", record.stage)])

    inputs = [dataset(name, entry.path, entry.digest) for name, entry in record.inputs.items()]
    if inputs:
        client.log_inputs(run_id, inputs)


def _log_files(store: Store, run_id: str, record: Record) -> None:
    client = store.client
    links = {key: value for key, value in asdict(record).items() if key in {"inputs", "outputs", "artifacts"}}
    client.log_dict(run_id, links, "artifacts.json")
    client.log_dict(run_id, asdict(record), "record.json")
    for entry in record.artifacts:
        path = store.root / entry.path
        if path.is_file() and path.stat().st_size < _LARGEST_ARTIFACT:
            client.log_artifact(run_id, str(path), str(Path(entry.path).parent))


def _create_experiment(client: Any, where: str, root: Path) -> str:
    # A server stores artifacts where its own settings say; only a local SQLite file needs a location.
    place = (main_checkout(root) / "mlruns").as_uri() if where.startswith("sqlite:") else None
    kind = {"mlflow.experimentKind": "custom_model_development"}  # the UI opens on training runs
    return str(client.create_experiment(EXPERIMENT, artifact_location=place, tags=kind))


def metric_name(name: str) -> str:
    """The name with characters that MLflow does not allow in metrics replaced by `_`."""
    return _NOT_IN_A_METRIC.sub("_", name)[:250]


def _batches(entries: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(entries), _PER_BATCH):
        yield entries[start : start + _PER_BATCH]


def quiet() -> None:
    """Configure MLflow before it is imported: no telemetry, few retries, no output of its own."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("DO_NOT_TRACK", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    for name in ("mlflow.store.db.utils", "alembic", "alembic.runtime.migration"):
        logging.getLogger(name).setLevel(logging.WARNING)
