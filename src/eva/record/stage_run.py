"""The run of one stage, from start to end, on disk and in MLflow."""

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
    """SIGTERM, as an exception, so that files are closed and the run is marked."""


class StageRun:
    """What a stage says about itself while it runs."""

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
        """Where resumable checkpoints live."""
        return checkout.checkpoint_store(self._root)

    @property
    def answer_store(self) -> Path:
        """Where paid answers of endpoints are kept."""
        return checkout.answer_store(self._root)

    def announce(self) -> None:
        """Start the run in MLflow now, so that it can be watched: for stages that last longer than a minute.

        Importing MLflow takes seconds. Runs that are not announced are told to MLflow by the next one
        that is, and the last ones by `register`, `eva report` or `eva runs replay`. Without MLflow the
        stage goes on.
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
                "MLflow at %s cannot be used (%s: %s): %s goes on and is recorded in runs/ only; "
                "`eva runs replay` logs it later",
                store.address(self._root), type(error).__name__, error, self.record.name,
            )  # fmt: skip

    def log_metrics(self, metrics: Mapping[str, float | None]) -> None:
        """Final numbers of the stage, by name; None is what could not be measured."""
        self._metrics |= {name: float(value) for name, value in metrics.items() if value is not None}

    def log_history(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Curves: one row per step, `{"step": 10, "loss": 2.1}`; what is not a number is left out."""
        for row in rows:
            kept = {k: v for k, v in row.items() if isinstance(v, (int, float)) and not isinstance(v, bool)}
            self._history.append(kept)

    def log_outputs(self, outputs: Mapping[str, Path]) -> None:
        """The stage's outs by name; their digests are taken when the stage ends."""
        self._outputs |= outputs

    def log_artifact(self, path: Path) -> None:
        """A small file (plot, scorecard) to be copied into MLflow; over 5 MiB it is only linked."""
        self._artifacts.append(path)

    def log_tags(self, tags: Mapping[str, str]) -> None:
        """Words to find the run by; MLflow shows them with `eva.` before the name."""
        self._tags |= tags

    def log_precision(self, chosen: Mapping[str, str]) -> None:
        """The number formats that were used, by the setting that chose them."""
        self._precision |= chosen

    def mark_reused(self) -> None:
        """The stage found its result finished in the checkpoint store and did not train."""
        self._reused = True

    def finished(self) -> Record:
        """The record of a stage that ended well."""
        return replace(
            self._measured("FINISHED"),
            outputs={name: records.stored(path, self._root) for name, path in self._outputs.items()},
            artifacts=[records.stored(path, self._root) for path in self._artifacts],
        )

    def broken(self, error: BaseException) -> Record:
        """The record of a stage that an error or a signal ended: it has no outputs."""
        killed = isinstance(error, (KeyboardInterrupt, Terminated))
        text = f"{type(error).__name__}: {error}".strip(": ")
        return replace(self._measured("KILLED" if killed else "FAILED"), error=text)

    def close(self, record: Record) -> None:
        """Write the record; a run that was announced is completed in MLflow."""
        records.write_record(record, self._root)
        if self._opened is None:
            return
        try:
            log_pending(self._opened, self._root)
        except Exception as error:  # the result is on disk; only its view is incomplete
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
    """Record one execution of a stage.

    The record file is written before anything else is told to MLflow, so a broken or absent MLflow
    loses nothing: `eva runs replay` logs it later. MLflow is not even imported until `announce`.

    Args:
        stage: The stage's word.
        item: Its axis values, `{"corpus": "esconv", …}`, in the order of the path; empty if none.
        settings: The keys of `params.yaml` that it obeys; settings models or plain values.
        inputs: Files and folders that it reads, by name; they must exist.
        root: The checkout that the paths are relative to and the record is written below.
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
    """A run of this item whose process was killed outright on this host would stay RUNNING for ever."""
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
