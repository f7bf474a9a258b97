"""What the record knows of processes: whether one lives, and SIGTERM as an exception."""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Terminated(SystemExit):
    """Raised on SIGTERM, so that files are closed and the run is marked as killed."""


def process_tags() -> dict[str, str]:
    """Tags that say which process of which host logs a run."""
    return {"eva.host": socket.gethostname(), "eva.pid": str(os.getpid())}


def is_alive(pid: int) -> bool:
    """Whether a process of this host exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextmanager
def sigterm_raises() -> Iterator[None]:
    """A context in which SIGTERM raises `Terminated`; outside the main thread it changes nothing."""

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
