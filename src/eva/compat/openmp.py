"""How the threads of a computation wait for one another (GNU OpenMP, which torch's CPU builds use)."""

import os


def wait_asleep() -> None:
    """Let threads that wait go to sleep soon instead of spinning; call it before torch is imported.

    Where other work shares the cores, spinning costs more than the computation itself: a training step
    of 2 s was seen to take over 60 s.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
