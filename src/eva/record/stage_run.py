"""Recording one run of a stage from start to end, on disk and in MLflow."""

import logging
import socket
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from eva.artifacts import digest_file, fingerprint
from eva.record import checkout, parent, records
from eva.record import mlflow_store as store
from eva.record.checkout import Code, describe_code
from eva.record.live import Live, with_times
from eva.record.pipeline_run import pipeline_run
from eva.record.process import Terminated, is_alive, process_tags, sigterm_raises
from eva.record.records import Record
from eva.record.replay import log_pending
from eva.record.upstream import upstream_of
from eva.record.usage import usage
from eva.record.watchdog import Watchdog
from eva.settings.tracking_section import Tracking

log = logging.getLogger(__name__)


class StageRun:
    """The running stage; it logs its outputs, metrics and tags here."""

    def __init__(self, record: Record, root: Path, tracking: Tracking) -> None:
        self.record = record
        self.run_id: str | None = None
        self._tracking = tracking
        self._opened: store.Store | None = None
        self._live: Live | None = None
        self._watchdog: Watchdog | None = None
        self._root = root
        self._began = time.monotonic()
        self._outputs: dict[str, Path] = {}
        self._artifacts: list[Path] = []
        self._tables: list[Path] = []
        self._metrics: dict[str, float] = {}
        self._headline: dict[str, float] = {}
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
        or by `register`, `eva report` or `eva runs replay`. If MLflow cannot be used, the stage continues,
        unless `tracking.required` says otherwise.

        Raises:
            InputError: MLflow cannot be used and is required.
        """
        try:
            self._start()
        except Exception as error:  # whatever fails here, hours of training must not be lost for it
            if self._tracking.required:
                raise store.unusable(self._root, error) from None
            log.warning(
                "MLflow at %s cannot be used (%s: %s): %s continues and is recorded in runs/ only; "
                "`eva runs replay` logs it later",
                store.address(self._root), type(error).__name__, error, self.record.name,
            )  # fmt: skip

    def _start(self) -> None:
        opened = store.connect(self._root)
        log_pending(opened, self._root)
        _end_abandoned(opened)
        tags = store.run_tags(self.record, parent.parent_of(opened, self.record))
        name, started = self.record.name, store.started_ms(self.record)
        self.run_id = opened.create(name, {**tags, **process_tags()}, started)
        self._opened = opened
        self._watchdog = Watchdog(self.record, self._root)
        store.log_params(opened.client, self.run_id, store.known_params(self.record))
        self._live = Live(opened, self.run_id, self._tracking.sample_seconds)
        self._live.start()

    def log_metrics(self, metrics: Mapping[str, float | None]) -> None:
        """Add final numbers of the stage by name; None means not measured and is left out."""
        self._metrics |= {name: float(value) for name, value in metrics.items() if value is not None}

    def log_headline(self, metrics: Mapping[str, float]) -> None:
        """Add final numbers that are also shown on the run of the whole pipeline."""
        self.log_metrics(metrics)
        self._headline |= metrics

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

    def log_table(self, path: Path) -> None:
        """Add an artifact that MLflow shows as a table: JSON with the keys `columns` and `data` (rows)."""
        self.log_artifact(path)
        self._tables.append(path)

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
            tables=[records.stored(path, self._root).path for path in self._tables],
        )

    def broken(self, error: BaseException) -> Record:
        """The record, without outputs, of a stage that was ended by an error or a signal."""
        killed = isinstance(error, (KeyboardInterrupt, Terminated))
        text = f"{type(error).__name__}: {error}".strip(": ")
        return replace(self._measured("KILLED" if killed else "FAILED"), error=text)

    def close(self, record: Record) -> None:
        """Write the record to disk, and if the run was announced, to MLflow."""
        records.write_record(record, self._root)
        if self._watchdog is not None:
            self._watchdog.release()
        if self._opened is None:
            return
        try:
            log_pending(self._opened, self._root)
        except Exception as error:  # the result is on disk; only MLflow is incomplete
            log.warning(
                "%s is recorded in runs/, but not in MLflow (%s); use `eva runs replay`", record.name, error
            )

    def _measured(self, status: str) -> Record:
        if self._live is not None:
            self._live.stop()
        rows, samples = (self._live.rows, self._live.samples) if self._live else ([], [])
        seconds = time.monotonic() - self._began
        return replace(
            self.record,
            status=status,
            metrics={
                **self._metrics,
                **_gpu_peak(),
                **usage(seconds, self._metrics, samples, self._tracking),
            },
            headline=self._headline,
            history=with_times(self._history or rows, self._live.times() if self._live else {}),
            samples=samples,
            tags=self._tags,
            precision=self._precision,
            reused=self._reused,
            seconds=round(seconds, 3),
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
    tracking: Tracking = Tracking(),  # noqa: B008 - frozen
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
        tracking: how to record.
    """
    root = root.resolve()
    code = describe_code(root)
    run = StageRun(_begin(stage, item, settings, inputs, root, code), root, tracking)
    with sigterm_raises():
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
    axes = {axis: str(value) for axis, value in item.items()}
    read = {name: records.stored(path, root) for name, path in inputs.items()}
    upstream = upstream_of("@".join(filter(None, [stage, records.item_name(item)])), read, root)
    lock = root / "dvc.lock"
    return Record(
        stage=stage,
        item=axes,
        status="RUNNING",
        settings=obeyed,
        params_digest=fingerprint(obeyed),
        inputs=read,
        outputs={},
        metrics={},
        history=[],
        artifacts=[],
        commit=code.commit,
        dirty=code.dirty,
        pipeline=code.digest,
        command=" ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        seconds=0.0,
        peak_rss_mb=0.0,
        versions=records.library_versions(),
        parent_run_id=parent.handed_down(),
        pipeline_run=pipeline_run(root, code.digest),
        upstream=upstream.runs,
        upstream_settings=upstream.settings,
        dvc_lock=digest_file(lock) if lock.is_file() else None,
        started=datetime.now(UTC).isoformat(timespec="milliseconds"),  # last: its seconds count from now
    )


def _plain(section: Any) -> Any:
    return section.model_dump(mode="json") if isinstance(section, BaseModel) else section


def _end_abandoned(opened: store.Store) -> None:
    """End MLflow runs that are still RUNNING although their process on this host is gone."""
    for run in opened.running(socket.gethostname()):
        if not is_alive(int(run.data.tags["eva.pid"])):
            opened.client.set_tag(run.info.run_id, "eva.error", "the process was killed")
            opened.client.set_terminated(run.info.run_id, "KILLED")


def _gpu_peak() -> dict[str, float]:
    torch = sys.modules.get("torch")  # a stage that has not imported it used no accelerator
    if torch is None or not torch.cuda.is_available():
        return {}
    return {"system/peak_gpu_mb": round(torch.cuda.max_memory_allocated() / 2**20, 1)}
