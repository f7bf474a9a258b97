"""A process that has imported the stages' libraries, beside a pipeline that runs in its checkout."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eva.compat.process_start import variables
from flows.environment import stage_environment

ADDRESS = "EVA_PRELOADED"  # read by the stages


@contextmanager
def preloaded() -> Iterator[None]:
    """Let stages be forks of such a process, which ends with this one, instead of importing anew (ADR 53).

    Where it does not answer (yet), stages import for themselves.
    """
    with tempfile.TemporaryDirectory(prefix="eva-") as folder:
        address = f"{folder}/stages"
        command = [sys.executable, "-m", "pipelines.preloading", "--serve", address]
        environment = variables() | stage_environment(None)
        with subprocess.Popen(
            command, env=environment, start_new_session=True, stdin=subprocess.DEVNULL
        ) as waiting:
            os.environ[ADDRESS] = address
            try:
                yield
            finally:
                del os.environ[ADDRESS]
                waiting.kill()


def checkout_variables() -> dict[str, str]:
    """The environment of runs that work in this checkout, too."""
    here = {"EVA_CHECKOUT": str(Path.cwd())}
    return here | {name: os.environ[name] for name in [ADDRESS] if name in os.environ}
