"""What a process must have in its environment as it starts: how it keeps memory, and how its threads wait."""

import os
import sys

_TUNABLES = "GLIBC_TUNABLES"
# What is freed stays with the process, in large pages. By itself glibc gives it back to the system, which
# clears each page of the next block: a third of a training step (docs/adr/0054).
_HEAP = {"hugetlb": 1, "mmap_threshold": 32 << 20, "trim_threshold": 1 << 40, "top_pad": 256 << 20}
# Waiting threads sleep soon. If other processes use the same cores, spinning costs more than the computation:
# a training step of 2 s was observed to take over 60 s.
_VARIABLES = {
    "GOMP_SPINCOUNT": "1000",
    _TUNABLES: ":".join(f"glibc.malloc.{name}={value}" for name, value in _HEAP.items()),
}


def variables() -> dict[str, str]:
    """The environment of this process with what a process that computes needs; what is set stays."""
    return _VARIABLES | dict(os.environ)


def start_again() -> None:
    """Give this process that environment before it imports torch.

    glibc reads its part only as a program starts, so the program is started again, as the same process.
    """
    before = os.environ.get(_TUNABLES)
    os.environ.update(variables())
    if before is None and _has_glibc():
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - ourselves


def _has_glibc() -> bool:
    name = "CS_GNU_LIBC_VERSION"
    return name in getattr(os, "confstr_names", {}) and bool(os.confstr(name))
