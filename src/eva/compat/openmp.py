"""How threads wait for each other in GNU OpenMP, which torch uses on the CPU."""

import os


def wait_asleep() -> None:
    """Let waiting threads sleep soon instead of spinning; call it before torch is imported.

    If other processes use the same cores, spinning costs more than the computation: a training step of
    2 s was observed to take over 60 s.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
