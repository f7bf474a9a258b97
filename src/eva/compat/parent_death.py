"""A process that ends with the one that started it, even where that one is killed (Linux; elsewhere nothing).

Uses `prctl(PR_SET_PDEATHSIG)`, which Python does not wrap. A process that was started by a command which was
then killed would else go on alone, and the same command could be given again beside it.
"""

import ctypes
import os
import select
import signal
import sys
import threading
from pathlib import Path

CALLER = "EVA_CALLER"  # the environment variable with the id of the process that a fork works for
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None  # loaded here: nothing may be after a fork
# Some of these stay as parents of a lone command (dash, which is Debian's `sh`); others make way for it.
_SHELLS = frozenset({"sh", "dash", "ash", "busybox", "bash", "ksh", "mksh", "zsh", "fish"})


def end_with_parent(number: int = signal.SIGTERM) -> None:
    """Ask the kernel for this signal when the thread that started this process ends."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)


def end_with_caller(number: int = signal.SIGTERM) -> None:
    """As `end_with_parent`, and where a shell stays in between: with the process that started that shell."""
    end_with_parent(number)
    if _LIBC is not None and (caller := _caller_of_shell(os.getppid())):
        end_with_process(caller, number)


def end_with_process(process: int, number: int = signal.SIGTERM) -> None:
    """Send this process the signal when `process` ends, which need not have started it."""
    try:
        watched = os.pidfd_open(process)
    except ProcessLookupError:
        os.kill(os.getpid(), number)
        return
    except (AttributeError, OSError):  # before Linux 5.3, and elsewhere: nothing
        return
    threading.Thread(target=_end_after, args=(watched, number), daemon=True, name="caller").start()


def _caller_of_shell(parent: int) -> int | None:
    """The process that started `parent`, if `parent` is a shell."""
    try:
        fields = dict(
            line.split(":\t", 1) for line in Path(f"/proc/{parent}/status").read_text().splitlines()
        )
    except (OSError, ValueError):
        return None
    return int(fields["PPid"]) if fields["Name"] in _SHELLS else None


def _end_after(watched: int, number: int) -> None:
    poll = select.poll()
    poll.register(watched, select.POLLIN)
    poll.poll()
    os.kill(os.getpid(), number)
