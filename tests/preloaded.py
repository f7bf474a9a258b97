"""A process beside a test of which its stages are forks, as in `make run`."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pipelines.preloading import ADDRESS


@contextmanager
def preloading(folder: Path, environment: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """The variable that sends stages with the code of this checkout to that process."""
    waits = [sys.executable, "-m", "pipelines.preloading", "sh", "-c", f"echo ${ADDRESS}; read end"]
    with subprocess.Popen(
        waits, cwd=folder, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as beside:
        assert beside.stdout
        try:
            yield {ADDRESS: beside.stdout.readline().strip()}
        finally:
            beside.terminate()  # closing its input is not enough: a fork of this process may hold it too
