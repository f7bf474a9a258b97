"""Recording one run of a stage from start to end, on disk and in MLflow."""

import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from eva.artifacts import fingerprint
from eva.record import checkout, parent, records
from eva.record import mlflow_store as store
from eva.record.checkout import Code, describe_code
from eva.record.records import Record
from eva.record.replay import log_pending

log = logging.getLogger(__name__)


class Terminated(SystemExit):
    """Raised on SIGTERM, so that files are closed and the run is marked as killed."""


class StageRun:
    """The running stage; it logs its outputs, metrics and tags here."""

    def __init__(self, record: Record, root: Path) -> None:
        self.record = record
        self.run_id: str | None = None
        self._opened: store.Store | None = None
        self._root = root
        self._began = time.monotonic()
        self._outputs: dict[str, Path] = {}
        self._artifacts: list[Path] = []
        self._metrics: dict[str, float] = {}
        self._history: list[dict[str, float]] = []
        self._tags: dict[str, str] = {}
        self._precision: dict[str, str] = {}
        self._reused = False

    @property
    def checkpoint_store(self) -> Path:
        """The folder of resumable checkpoints."""
        return checkout.checkpoint_store(self._root)

    @property
    def answer_store(self) -> Path:
        """The folder of responses from paid endpoints."""
        return checkout.answer_store(self._root)

    def announce(self) -> None:
        """Start the run in MLflow now, so that it can be watched; for stages longer than a minute.

        Importing MLflow takes seconds. Runs that are not announced are logged by the next announced one,
        or by `register`, `eva report` or `eva runs replay`. If MLflow cannot be used, the stage continues.
        """
        try:
            opened = store.connect(self._root)
            log_pending(opened, self._root)
            _end_abandoned(opened, self.record)
            tags = store.run_tags(self.record, parent.parent_of(opened, self.record))
            name, started = self.record.name, store.started_ms(self.record)
            self.run_id = opened.create(name, {**tags, **_process_tags()}, started)
            self._opened = opened
        except Exception as error:  # whatever fails here, hours of training must not be lost for it
            log.warning(
                "MLflow at %s cannot be used (%s: %s): %s continues and is recorded in runs/ only; "
                "`eva runs replay` logs it later",
                store.address(self._root), type(error).__name__, error, self.record.name,
            )  # fmt: skip

    def log_metrics(self, metrics: Mapping[str, float | None]) -> None:
        """Add final numbers of the stage by name; None means not measured and is left out."""
        self._metrics |= {name: float(value) for name, value in metrics.items() if value is not None}

    def log_history(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add training curves, one row per step: `{"step": 10, "loss": 2.1}`. Only numbers are kept."""
        for row in rows:
            kept = {k: v for k, v in row.items() if isinstance(v, (int, float)) and not isinstance(v, bool)}
            self._history.append(kept)

    def log_outputs(self, outputs: Mapping[str, Path]) -> None:
        """Add outputs of the stage by name; their digests are computed when the stage ends."""
        self._outputs |= outputs

    def log_artifact(self, path: Path) -> None:
        """Add a small file (plot, scorecard) to copy into MLflow; over 5 MiB only its path is recorded."""
        self._artifacts.append(path)

    def log_tags(self, tags: Mapping[str, str]) -> None:
        """Add tags by which the run can be found; in MLflow their names start with `eva.`."""
        self._tags |= tags

    def log_precision(self, chosen: Mapping[str, str]) -> None:
        """Add the number formats that were used, by the setting that chose them."""
        self._precision |= chosen

    def mark_reused(self) -> None:
        """Note that the result was found finished in the checkpoint store, so nothing was trained."""
        self._reused = True

    def finished(self) -> Record:
        """The record of a stage that ended without an error."""
        return replace(
            self._measured("FINISHED"),
            outputs={name: records.stored(path, self._root) for name, path in self._outputs.items()},
            artifacts=[records.stored(path, self._root) for path in self._artifacts],
        )

    def broken(self, error: BaseException) -> Record:
        """The record, without outputs, of a stage that was ended by an error or a signal."""
        killed = isinstance(error, (KeyboardInterrupt, Terminated))
        text = f"{type(error).__name__}: {error}".strip(": ")
        return replace(self._measured("KILLED" if killed else "FAILED"), error=text)

    def close(self, record: Record) -> None:
        """Write the record to disk, and if the run was announced, to MLflow."""
        records.write_record(record, self._root)
        if self._opened is None:
            return
        try:
            log_pending(self._opened, self._root)
        except Exception as error:  # the result is on disk; only MLflow is incomplete
            log.warning(
                "%s is recorded in runs/, but not in MLflow (%s); use `eva runs replay`", record.name, error
            )

    def _measured(self, status: str) -> Record:
        return replace(
            self.record,
            status=status,
            metrics={**self._metrics, **_gpu_peak()},
            history=self._history,
            tags=self._tags,
            precision=self._precision,
            reused=self._reused,
            seconds=round(time.monotonic() - self._began, 3),
            peak_rss_mb=records.peak_rss_mb(),
        )


@contextmanager
def stage_run(
    stage: str,
    item: Mapping[str, Any],
    settings: Mapping[str, Any],
    inputs: Mapping[str, Path],
    *,
    root: Path,
) -> Iterator[StageRun]:
    """A context that records one run of a stage.

    The record file is written before anything is sent to MLflow, so nothing is lost if MLflow cannot be
    used: `eva runs replay` logs it later. MLflow is not imported before `announce`.

    Args:
        stage: name of the stage.
        item: its axis values, `{"corpus": "esconv", …}`, in the order of the path; empty if none.
        settings: the keys of `params.yaml` that it uses, as settings models or plain values.
        inputs: files and folders that it reads, by name; they must exist.
        root: the checkout; paths are relative to it, and the record is written there.
    """
    root = root.resolve()
    code = describe_code(root)
    run = StageRun(_begin(stage, item, settings, inputs, root, code), root)
    with _sigterm_raises():
        try:
            yield run
            record = run.finished()
        except BaseException as error:
            run.close(run.broken(error))
            raise
        run.close(record)


def _begin(
    stage: str,
    item: Mapping[str, Any],
    settings: Mapping[str, Any],
    inputs: Mapping[str, Path],
    root: Path,
    code: Code,
) -> Record:
    obeyed = {name: _plain(section) for name, section in settings.items()}
    return Record(
        stage=stage,
        item={axis: str(value) for axis, value in item.items()},
        status="RUNNING",
        settings=obeyed,
        params_digest=fingerprint(obeyed),
        inputs={name: records.stored(path, root) for name, path in inputs.items()},
        outputs={},
        metrics={},
        history=[],
        artifacts=[],
        commit=code.commit,
        dirty=code.dirty,
        pipeline=code.digest,
        command=" ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        started=datetime.now(UTC).isoformat(timespec="milliseconds"),
        seconds=0.0,
        peak_rss_mb=0.0,
        versions=records.library_versions(),
        parent_run_id=parent.handed_down(),
    )


def _plain(section: Any) -> Any:
    return section.model_dump(mode="json") if isinstance(section, BaseModel) else section


def _end_abandoned(opened: store.Store, record: Record) -> None:
    """End MLflow runs of this item that are still RUNNING although their process on this host is gone."""
    for run in opened.find(stage=record.stage, item=store.item_tag(record), host=socket.gethostname()):
        if run.info.status == "RUNNING" and not _alive(int(run.data.tags["eva.pid"])):
            opened.client.set_tag(run.info.run_id, "eva.error", "the process was killed")
            opened.client.set_terminated(run.info.run_id, "KILLED")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _process_tags() -> dict[str, str]:
    return {"eva.host": socket.gethostname(), "eva.pid": str(os.getpid())}


def _gpu_peak() -> dict[str, float]:
    torch = sys.modules.get("torch")  # a stage that has not imported it used no accelerator
    if torch is None or not torch.cuda.is_available():
        return {}
    return {"system/peak_gpu_mb": round(torch.cuda.max_memory_allocated() / 2**20, 1)}


@contextmanager
def _sigterm_raises() -> Iterator[None]:
    def stop(number: int, _frame: object) -> None:
        raise Terminated(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
