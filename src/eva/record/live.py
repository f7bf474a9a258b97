"""What a stage hands on while it runs: the rows of a training's curve, and samples of the machine.

A thread sends both to MLflow. Both are kept for the record file as well, from which MLflow can be filled
again; if MLflow fails meanwhile, nothing more is sent, and the rest comes with the record.
"""

import json
import logging
import os
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from eva.live_rows import VARIABLE
from eva.record.mlflow_store import Store, points, send

log = logging.getLogger(__name__)

Row = dict[str, float]
_MOST = 400  # samples in a record; of a longer run every second one is dropped, again and again
_LONGEST_WAIT = 60.0  # seconds for the last rows to be sent


class Live:
    """The curve and the samples of a running stage; `rows` and `samples` have the key `time`."""

    def __init__(self, store: Store, run_id: str, seconds: float) -> None:
        self.rows: list[Row] = []
        self.samples: list[Row] = []
        self._store, self._run_id, self._seconds = store, run_id, seconds
        self._taken = 0
        self._sends = True
        self._ended = threading.Event()
        handle, name = tempfile.mkstemp(prefix="eva-live-", suffix=".jsonl")
        os.close(handle)
        self._path = Path(name)
        self._monitors = _monitors()
        self._thread = threading.Thread(target=self._watch, name="eva-live", daemon=True)

    def start(self) -> None:
        os.environ[VARIABLE] = str(self._path)
        self._thread.start()

    def stop(self) -> None:
        """End the thread, after it has sent what it has."""
        os.environ.pop(VARIABLE, None)
        self._ended.set()
        self._thread.join(_LONGEST_WAIT)
        self._path.unlink(missing_ok=True)

    def times(self) -> dict[int, float]:
        """When each step of the curve was reached, in seconds since 1970."""
        return {int(row["step"]): row["time"] for row in self.rows if "step" in row}

    def _watch(self) -> None:
        ended = False
        while not ended:
            ended = self._ended.wait(self._seconds)
            rows = self._new_rows()
            self._send("curve/", rows)
            self._send("system/", [self._sample()])
        log.debug("%d rows and %d samples were taken", len(self.rows), self._taken)

    def _new_rows(self) -> list[Row]:
        with suppress(OSError):
            whole = self._path.read_text(encoding="utf-8").rpartition("\n")[0]
            known = len(self.rows)
            self.rows += [json.loads(line) for line in whole.split("\n")[known:] if line]
            return self.rows[known:]
        return []

    def _sample(self) -> Row:
        found: Row = {"step": self._taken, "time": round(time.time(), 3)}
        for monitor in self._monitors:
            monitor.clear_metrics()
            with suppress(Exception):  # a sensor that fails costs a value, not the training
                monitor.collect_metrics()
                found |= monitor.aggregate_metrics()
        self._taken += 1
        self.samples.append(found)
        if len(self.samples) > _MOST:
            self.samples = self.samples[::2]
        return found

    def _send(self, prefix: str, rows: list[Row]) -> None:
        if not (rows and self._sends):
            return
        try:
            send(self._store.client, self._run_id, [one for row in rows for one in points(prefix, row)])
        except Exception as error:
            self._sends = False
            log.warning("MLflow fails (%s): what follows is kept in the record and sent later", error)


def _monitors() -> list[Any]:
    """MLflow's own collectors of processor and memory, and of the GPUs if there are any."""
    from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
    from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor

    found = [CPUMonitor()]
    with suppress(ImportError, RuntimeError):  # no library for them, or no GPU
        found.append(GPUMonitor())
    return found


def with_times(history: list[Row], times: Mapping[int, float]) -> list[Row]:
    """The rows of a final history, each with the time at which its step was reached, if that is known."""

    def timed(row: Row) -> Row:
        step = int(row.get("step", -1))
        return {**row, "time": times[step]} if step in times else row

    return [timed(row) for row in history]
