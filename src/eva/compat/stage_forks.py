"""The process that stages fork from: how it is started, and the variables by which stages deal with it."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

ADDRESS = "EVA_PRELOADED"  # the environment variable with the path of its socket
# The GPUs that a stage holds. Others see by it which are in use, and of a fork they would not see it.
LEASED = "EVA_LEASED_GPUS"


@contextmanager
def waiting_process(environment: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Let a process import the stages' libraries; gives the variables by which stages find it (ADR 53).

    It ends with the block. Nothing is started on other systems than Linux, where a fork of a process with
    these libraries may not work.
    """
    if sys.platform != "linux":
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="eva-") as folder:
        address = f"{folder}/stages"
        command = [sys.executable, "-m", "pipelines.preloading", "--serve", address]
        with subprocess.Popen(
            command, env=dict(environment), start_new_session=True, stdin=subprocess.DEVNULL
        ) as waiting:
            try:
                yield {ADDRESS: address}
            finally:
                waiting.kill()
