"""A process that has imported the stages' libraries, beside a pipeline that runs in its checkout."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eva.compat.process_start import variables
from eva.compat.stage_forks import ADDRESS, waiting_process
from flows.environment import stage_environment


@contextmanager
def preloaded() -> Iterator[None]:
    """Let stages be forks of such a process, which ends with this one, instead of importing anew (ADR 61).

    Where it does not answer (yet), stages import for themselves.
    """
    with waiting_process(variables() | stage_environment(None)) as found:
        os.environ.update(found)
        try:
            yield
        finally:
            for name in found:
                del os.environ[name]


def checkout_variables() -> dict[str, str]:
    """The environment of runs that work in this checkout, too."""
    here = {"EVA_CHECKOUT": str(Path.cwd())}
    return here | {name: os.environ[name] for name in [ADDRESS] if name in os.environ}
