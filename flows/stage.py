"""Running one stage with DVC; flows run nothing else."""

import codecs
import logging
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from os import killpg
from pathlib import Path
from typing import Any, BinaryIO, Self, cast

from eva.hosts.run_folder import REMOTE_NAME

TAIL = 25  # last lines of output that are shown in the state of a failed flow run
OUTPUTS = Path(".eva/stages")  # files that the output of running stages goes to
FOLLOW_SECONDS = 0.2  # between two looks at such a file
PATIENCE = 900.0  # seconds to wait for another DVC process that has locked the stage's files
LONGEST_PAUSE = 30.0
# Signals and seconds to wait after each; Prefect's worker kills the flow run after 30.
ENDINGS = ((signal.SIGINT, 20.0), (signal.SIGTERM, 5.0), (signal.SIGKILL, 1.0))
UNSTORED = re.compile(r"^ERROR: failed to transfer ")
BUSY = re.compile(r"is busy, it is being blocked by|Unable to acquire lock")
OUTCOMES = (
    ("Ran", re.compile(r"^Running stage '")),
    ("Cached", re.compile(r"^Stage '.*' is cached - skipping run")),
    ("Unchanged", re.compile(r"^Stage '.*' didn't change, skipping")),
)
HINTS = re.compile(  # advice of DVC to a user at a terminal, left out of the log
    r"^(To track the changes with git|\s+git add "
    r"|To enable auto staging|\s+dvc config core\.autostage|Use `dvc push`)"
)
Log = logging.Logger | logging.LoggerAdapter[Any]
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class StageError(RuntimeError):
    """A DVC stage ended with an error; the message has the end of its output."""


@dataclass(frozen=True)
class DvcRun:
    """How one `dvc` command ended: exit code, what DVC did (see `OUTCOMES`), the end of its output.

    `unstored` are its words on files that its cache could not take: it exits with 0 all the same.
    """

    code: int
    outcome: str | None
    tail: tuple[str, ...]
    unstored: tuple[str, ...] = ()

    @property
    def busy(self) -> bool:
        """Whether nothing was started because another process has locked the stage's files."""
        return self.code != 0 and self.outcome is None and any(BUSY.search(line) for line in self.tail)


@dataclass
class Children:
    """The processes that a flow run has started, so that all are ended if it is cancelled.

    Their output goes to files, which are followed: no pipe of another process can break under them.
    """

    _live: set[subprocess.Popen[bytes]] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stopped: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def run(
        self,
        arguments: list[str],
        environment: Mapping[str, str],
        on_line: Callable[[str], None],
        silence: float | None = None,
        module: str = "flows.dvc_hooks",
    ) -> DvcRun:
        """Run `dvc <arguments>`, or another module; `on_line` is called with each line of its output.

        Raises:
            StageError: nothing was written for `silence` seconds, and the process was ended.
        """
        outcome, tail, unstored = None, deque[str](maxlen=TAIL), list[str]()
        argv = [sys.executable, "-m", module, *arguments]
        with _output_file(arguments[-1]) as (sink, source):
            child = self._start(argv, environment, sink)
            for raw in self._followed(child, source, silence):
                line = ESCAPES.sub("", raw).rstrip()
                if line and not HINTS.match(line):
                    outcome = _outcome(line) or outcome
                    tail.append(line)
                    unstored += [line] if UNSTORED.match(line) else []
                    on_line(line)
        self._live.discard(child)
        return DvcRun(child.returncode, outcome, tuple(tail), tuple(unstored))

    def _followed(
        self, child: subprocess.Popen[bytes], source: BinaryIO, silence: float | None
    ) -> Iterator[str]:
        """The lines of a process's output until it has ended."""
        heard, partial = time.monotonic(), ""
        decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        while True:
            ended = child.poll() is not None  # asked before the last reading, so that nothing is missed
            if written := source.read():
                heard = time.monotonic()
                *lines, partial = re.split("[\r\n]", partial + decode(written))
                yield from lines
            elif ended:
                yield partial
                return
            elif silence and time.monotonic() - heard > silence:
                _end([child])
                self._live.discard(child)
                raise StageError(f"ended, because it wrote nothing for {silence / 60:.0f} minutes, its limit")
            else:
                time.sleep(FOLLOW_SECONDS)

    def pause(self, seconds: float) -> None:
        """Sleep.

        Raises:
            StageError: `stop` was called.
        """
        if self._stopped.wait(seconds):
            raise StageError("the flow run was stopped")

    def stop(self) -> None:
        """End every live process with all that it has started, as Ctrl-C does: only then by force.

        DVC waits for the stage, which may save what it has, and then frees its locks.
        """
        self._stopped.set()
        self.interrupt()

    def interrupt(self) -> None:
        """As `stop`, but more may be started afterwards."""
        with self._lock:
            live = list(self._live)
        _end(live)

    def _start(
        self, argv: list[str], environment: Mapping[str, str], sink: BinaryIO
    ) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._stopped.is_set():
                raise StageError("the flow run was stopped")
            child = subprocess.Popen(
                argv,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # one process group for DVC and the stage, so that `stop` ends both
            )
            self._live.add(child)
        return child


def _end(children: list[subprocess.Popen[bytes]]) -> None:
    for number, seconds in ENDINGS:
        live = [child for child in children if child.poll() is None]
        for child in live:
            with suppress(ProcessLookupError):  # it has just ended, and its follower has noticed
                killpg(child.pid, number)
        deadline = time.monotonic() + seconds
        while any(child.poll() is None for child in live) and time.monotonic() < deadline:
            time.sleep(0.05)


@contextmanager
def _output_file(name: str) -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """A file for the output of a process, open for the process and for its follower."""
    OUTPUTS.mkdir(parents=True, exist_ok=True)
    slug = re.sub(r"[^\w@.-]+", "-", name)[:60]
    with (
        tempfile.NamedTemporaryFile("wb", dir=OUTPUTS, prefix=f"{slug}.", suffix=".log") as sink,
        Path(sink.name).open("rb") as source,
    ):
        yield cast(BinaryIO, sink), source


def reproduce(
    stage: str,
    *,
    force: bool,
    environment: Mapping[str, str],
    children: Children,
    log: Log,
    silence: float | None = None,
) -> str:
    """Bring one stage up to date; returns whether it `Ran`, was `Cached` or was `Unchanged`.

    DVC does not start a stage while another process has locked its files; only then it is tried again.
    A stage that writes nothing for `silence` seconds is ended.

    Raises:
        StageError: the stage failed or was ended, or its files stayed locked for 15 minutes.
    """
    options = ["--single-item", "--pull", *(["--force"] if force else [])]
    arguments = ["--wait-for-lock", "repro", *options, stage]
    deadline, pause = time.monotonic() + PATIENCE, 1.0
    while True:
        run = children.run(arguments, environment, lambda line: log.log(_level(line), line), silence)
        if not run.busy or time.monotonic() > deadline:
            break
        log.info("%s waits %.0f s: another DVC process has locked its files", stage, pause)
        children.pause(pause)
        pause = min(pause * 1.6, LONGEST_PAUSE)
    if run.code != 0:
        raise StageError("\n".join([f"stage {stage} failed (dvc exited with {run.code}):", *run.tail]))
    if run.unstored:
        told = (
            f"stage {stage} is done but DVC's cache could not take it; make room, then `dvc commit {stage}`:"
        )
        raise StageError("\n".join([told, *run.unstored[:TAIL]]))
    return run.outcome or "Unchanged"


def pull(targets: list[str], environment: Mapping[str, str], children: Children, log: Log) -> None:
    """Bring stages' outputs, or single paths, from the DVC remote of the hand-over.

    Raises:
        StageError: not all of them could be had.
    """
    run = children.run(["--wait-for-lock", "pull", "--remote", REMOTE_NAME, *targets], environment, log.info)
    if run.code != 0:
        raise StageError("\n".join([f"`dvc pull` of {', '.join(targets[:8])} failed:", *run.tail]))


def push_outs(stage: str, environment: Mapping[str, str], children: Children, log: Log) -> None:
    """Push the outputs of a stage and its entry in the run cache to the DVC remote."""
    run = children.run(["push", "--run-cache", stage], environment, log.info)
    if run.code != 0:
        told = (
            f"stage {stage} is done and stays on this host, but its outputs could not be pushed: make the "
            "DVC remote reachable, then run the stage again, which trains nothing; `dvc push` said:"
        )
        raise StageError("\n".join([told, *run.tail]))


def _outcome(line: str) -> str | None:
    return next((name for name, pattern in OUTCOMES if pattern.search(line)), None)


def _level(line: str) -> int:
    if line.startswith("ERROR"):
        return logging.ERROR
    return logging.WARNING if line.startswith("WARNING") else logging.INFO
