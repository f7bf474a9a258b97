"""One GPU, one stage: a lock file for every GPU of this host, whichever checkout or worker uses it.

A GPU is free when nobody holds its lock and no process is left that was started with it: a training that
still saves after its flow run was killed keeps its GPU.
"""

import fcntl
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import islice
from pathlib import Path

import psutil

from eva.compat.stage_forks import LEASED
from eva.errors import InputError

VISIBLE = "CUDA_VISIBLE_DEVICES"
FOLDER = "EVA_LEASES"
PAUSE = 2.0  # seconds between two looks at busy GPUs


def devices() -> list[str]:
    """The GPUs that stages may use here: those of CUDA_VISIBLE_DEVICES, else all of this host."""
    if (given := os.environ.get(VISIBLE)) is not None:
        return [device.strip() for device in given.split(",") if device.strip()]
    command = ["nvidia-smi", "--query-gpu=uuid", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return []
    return done.stdout.split() if done.returncode == 0 else []


@contextmanager
def leased(
    count: int, log: Callable[[str], None], pause: Callable[[float], None]
) -> Iterator[dict[str, str]]:
    """Hold `count` GPUs of this host; gives the variables for the processes that use them.

    Waits while they are in use. Without any GPU on this host nothing is held.

    Raises:
        InputError: the host never has that many GPUs.
    """
    known = devices()
    if not known or not count:
        yield {}
        return
    if count > len(known):
        raise InputError(f"the stage wants {count} GPUs (gpus in dvc.yaml), and this host has {len(known)}")
    with ExitStack() as held:
        taken = _take(known, count, held, log, pause)
        yield {VISIBLE: ",".join(taken), LEASED: ",".join(taken)}


def _take(
    known: list[str], count: int, held: ExitStack, log: Callable[[str], None], pause: Callable[[float], None]
) -> list[str]:
    told = False
    while True:
        with ExitStack() as attempt:
            busy = _in_use()
            free = (device for device in known if device not in busy and _lock(device, attempt))
            taken = list(islice(free, count))
            if len(taken) == count:
                held.enter_context(attempt.pop_all())
                return taken
        if not told:
            log(f"waits for {count} of the GPUs {', '.join(known)} of this host: other stages use them")
            told = True
        pause(PAUSE)


def _lock(device: str, held: ExitStack) -> bool:
    folder = Path(os.environ.get(FOLDER) or Path(tempfile.gettempdir()) / "eva-gpus")
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o1777)  # for all users of this host
    number = _opened(folder / device.replace(os.sep, "-"))
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(number)
        return False
    held.callback(os.close, number)
    return True


def _opened(path: Path) -> int:
    """The lock file, made if it is absent, and only read: another user who made it may not let us write."""
    with suppress(FileExistsError):
        made = os.open(path, os.O_CREAT | os.O_EXCL, 0o644)
        os.fchmod(made, 0o644)  # whatever the umask
        os.close(made)
    return os.open(path, os.O_RDONLY | os.O_NOFOLLOW)


def _in_use() -> set[str]:
    """GPUs of processes that are alive although nobody may hold their lock any more."""
    found: set[str] = set()
    for process in psutil.process_iter():
        try:
            found.update(filter(None, process.environ().get(LEASED, "").split(",")))
        except psutil.Error:  # it ended, or is another user's, whose lock counts
            continue
    return found
