"""A process that ends with the one that started it, even where that one is killed (Linux; elsewhere nothing).

Uses `prctl(PR_SET_PDEATHSIG)`, which Python does not wrap. A process that was started by a command which was
then killed would else go on alone, and the same command could be given again beside it.
"""

import ctypes
import signal
import sys

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None  # loaded here: nothing may be after a fork


def end_with_parent(number: int = signal.SIGTERM) -> None:
    """Ask the kernel for this signal when the thread that started this process ends."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
