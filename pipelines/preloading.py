"""`python -m pipelines.preloading COMMAND ...`: run a command whose stages find their libraries imported.

Importing torch and transformers takes seconds, which each of the DAG's processes would pay. Here one process
imports them and waits; a stage of the command is a fork of it with the output, environment and signals of
`python -m pipelines`. The fork imports EVA's own code itself, so an edit is seen. Where nothing waits (yet),
or with the code of another checkout, a stage runs in its own process
(docs/adr/0053-stages-fork-from-one-process.md).
"""

import gc
import importlib
import json
import os
import random
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

import eva
from eva.compat.parent_death import CALLER, end_with_parent, end_with_process
from eva.compat.process_start import variables
from eva.compat.stage_forks import ADDRESS, LEASED, waiting_process

_LIBRARIES = (
    "numpy", "pandas", "scipy.stats", "scipy.optimize", "torch", "torch._dynamo", "transformers",
    "transformers.modeling_utils", "transformers.trainer", "transformers.generation.utils", "peft", "mlflow",
    "mlflow.store.tracking.sqlalchemy_store",  # imported with the first run otherwise, for a second
)  # fmt: skip
_HEADER = 8  # bytes of the length of a request


def hand_over(words: Sequence[str]) -> int | None:
    """Let the waiting process run a stage; returns its exit code, or None if nothing took it."""
    if LEASED in os.environ:
        return None
    try:
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(os.environ[ADDRESS])
    except (KeyError, OSError):
        return None
    with connection:
        asked = {"words": list(words), "folder": str(Path.cwd()), "environment": dict(os.environ)}
        text = json.dumps({**asked, "code": _code(), "pid": os.getpid()}).encode()
        socket.send_fds(connection, [len(text).to_bytes(_HEADER, "big")], [0, 1, 2])
        connection.sendall(text)
        with connection.makefile() as answers:
            if not (started := answers.readline().strip()):
                return None
            _pass_signals(int(started), [signal.SIGINT, signal.SIGTERM])
            ended = answers.read().split()  # from the stage, and from whom it is a fork of, if that lives
    return int(ended[-1]) if ended else 1


def _code() -> list[str]:
    """Where this process has its code from; a fork must have it from the same place."""
    return [str(Path(file).resolve()) for file in (__file__, eva.__file__)]


def _pass_signals(process: int, numbers: Sequence[int]) -> None:
    def forward(number: int, _: FrameType | None) -> None:
        with suppress(ProcessLookupError):
            os.kill(process, number)

    for number in numbers:
        signal.signal(number, forward)


def serve(address: str) -> tuple[list[str], int]:
    """Fork for every stage that is handed over; returns in the forks only.

    What it returns are the words of the stage's command line, and a descriptor for its exit code: who asked
    hears it from the fork where the waiting process was killed meanwhile.
    """
    children: dict[int, tuple[int, socket.socket]] = {}
    with socket.socket(socket.AF_UNIX) as listener, selectors.DefaultSelector() as events:
        listener.bind(address)
        listener.listen()
        events.register(listener, selectors.EVENT_READ)
        while True:
            for key, _ in events.select():
                if key.fd in children:
                    events.unregister(key.fd)
                    _report(key.fd, *children.pop(key.fd))
                elif forked := _fork(listener):
                    process, connection, words = forked
                    if words is not None:
                        return words, connection.detach()
                    watched = os.pidfd_open(process)
                    events.register(watched, selectors.EVENT_READ)
                    children[watched] = (process, connection)


def _report(watched: int, process: int, connection: socket.socket) -> None:
    code = _as_a_shell_has_it(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
    os.close(watched)
    with connection, suppress(OSError):  # whoever asked may be gone
        connection.sendall(f"{code}\n".encode())


def _as_a_shell_has_it(code: int) -> int:
    """The exit code where a signal is 128 and its number, not its number below zero."""
    return code if code >= 0 else 128 - code


def _fork(listener: socket.socket) -> tuple[int, socket.socket, list[str] | None] | None:
    """The fork's process and connection, in the fork its command line too; None where it is not for us."""
    connection, _ = listener.accept()
    size, streams, _, _ = socket.recv_fds(connection, _HEADER, 3)
    request = json.loads(connection.makefile("rb").read(int.from_bytes(size, "big")) or "{}")
    process = os.fork() if request.get("code") == _code() else -1
    if process == 0:
        _become(request, streams)
        connection.sendall(f"{os.getpid()}\n".encode())
        return process, connection, list(request["words"])
    for stream in streams:
        os.close(stream)
    if process < 0:
        connection.close()
        return None
    return process, connection, None


def _become(request: dict[str, Any], streams: Sequence[int]) -> None:
    """Take over folder, output, environment and signals of the process that asked, and end with it."""
    os.chdir(request["folder"])
    for place, stream in enumerate(streams):
        os.dup2(stream, place)
        os.close(stream)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.environ[CALLER] = str(request["pid"])
    sys.argv[1:] = request["words"]
    random.seed()
    importlib.import_module("numpy").random.seed()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    end_with_process(request["pid"])


def run(command: Sequence[str]) -> int:
    """Run `command` with a process that has imported the libraries beside it; returns its exit code."""
    started = variables()
    with waiting_process(started) as found:
        return _waited(command, {**started, **found})


def _waited(command: Sequence[str], environment: dict[str, str]) -> int:
    """Run a command to its end, also after Ctrl-C: the terminal tells it too, and it may have to save."""
    with subprocess.Popen(command, env=environment) as process:
        signal.signal(signal.SIGINT, lambda *_: None)
        _pass_signals(process.pid, [signal.SIGTERM])
        return _as_a_shell_has_it(process.wait())


def main(words: Sequence[str]) -> int:
    """Run a command, or wait for the stages of one."""
    if words[:1] != ["--serve"]:
        return run(words)
    end_with_parent(signal.SIGKILL)
    for name in _LIBRARIES:
        with suppress(ImportError):  # an extra may be missing
            importlib.import_module(name)
    gc.freeze()  # so that no fork's collector goes through the libraries' objects, or copies their pages
    words, answer = serve(words[1])
    from pipelines.runner import main as run_stage

    code = run_stage(words)
    with suppress(OSError):  # whoever asked may be gone
        os.write(answer, f"{code}\n".encode())
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
