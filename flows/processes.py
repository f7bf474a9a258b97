"""Background processes of a checkout, each with a log and a pid file in `.eva/services`."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from eva.errors import InputError

MARK = "EVA_SERVICE"  # environment variable of our processes: another process with the same pid lacks it
FOLDER = Path(".eva/services")
GRACE = 10.0  # seconds between SIGTERM and SIGKILL
LOG_TAIL = 12


@dataclass(frozen=True)
class Running:
    """A live process that this checkout started."""

    name: str
    pid: int
    port: int | None


def find(root: Path, name: str) -> Running | None:
    """The process called `name`, if it is alive and was started by this checkout."""
    try:
        noted = json.loads(_pid_file(root, name).read_text("utf-8"))
        process = psutil.Process(noted["pid"])
        ours = _environment(process).get(MARK) == _mark(root, name)
    except (OSError, ValueError, KeyError, psutil.Error):
        return None
    if not ours or process.status() == psutil.STATUS_ZOMBIE:
        return None
    return Running(name, noted["pid"], noted["port"])


def _environment(process: psutil.Process) -> dict[str, str]:
    """The environment of a process; waits, because it is empty for an instant after the start."""
    deadline = time.monotonic() + 1
    while not (found := process.environ()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return dict(found)


def start(
    root: Path, name: str, argv: list[str], environment: Mapping[str, str], port: int | None = None
) -> None:
    """Start `argv` in the checkout, detached, with its output in `.eva/services/<name>.log`."""
    log_path(root, name).parent.mkdir(parents=True, exist_ok=True)
    with log_path(root, name).open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            argv,
            cwd=root,
            env={**environment, MARK: _mark(root, name)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _pid_file(root, name).write_text(json.dumps({"pid": process.pid, "port": port}) + "\n", "utf-8")


def stop(root: Path, names: Iterable[str]) -> list[str]:
    """End those of `names` that run, with their child processes; returns the names of those ended."""
    found = [running for name in names if (running := find(root, name))]
    _end([process for running in found for process in _family(running.pid)])
    for name in names:
        _pid_file(root, name).unlink(missing_ok=True)
    return [running.name for running in found]


def wait_until(ready: Callable[[], bool], root: Path, name: str, seconds: float) -> None:
    """Wait until `ready()` is true, at most `seconds`.

    Raises:
        InputError: the service ended, or was not ready in time; the message has the end of its log.
    """
    deadline = time.monotonic() + seconds
    while not ready():
        if find(root, name) is None:
            raise InputError(f"{name} ended while it was starting. {_log_end(root, name)}")
        if time.monotonic() > deadline:
            raise InputError(f"{name} did not answer within {seconds:.0f} s. {_log_end(root, name)}")
        time.sleep(0.2)


def log_path(root: Path, name: str) -> Path:
    """The log file of `name`."""
    return root / FOLDER / f"{name}.log"


def _pid_file(root: Path, name: str) -> Path:
    return root / FOLDER / f"{name}.pid"


def _mark(root: Path, name: str) -> str:
    return f"{root}{os.pathsep}{name}"


def _family(pid: int) -> list[psutil.Process]:
    """A process and its descendants, which could not be found any more after it has ended."""
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _end(processes: list[psutil.Process]) -> None:
    for process in processes:
        _signal(process.terminate)
    _, stubborn = psutil.wait_procs(processes, timeout=GRACE)
    for process in stubborn:
        _signal(process.kill)
    psutil.wait_procs(stubborn, timeout=GRACE)


def _signal(send: Callable[[], None]) -> None:
    try:
        send()
    except psutil.NoSuchProcess:
        return


def _log_end(root: Path, name: str) -> str:
    path = log_path(root, name)
    lines = path.read_text("utf-8", errors="replace").splitlines()[-LOG_TAIL:]
    return "\n".join([f"The end of {path.relative_to(root)}:", *(f"  {line}" for line in lines)])
