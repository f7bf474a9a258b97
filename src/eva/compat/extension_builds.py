"""The folder of what DeepSpeed compiles, in which no build waits for a process that is gone.

torch marks a build that goes on by a file `lock` in its folder. A process that is killed leaves it there, and
every later one would wait for it, without a word and without end.
"""

import fcntl
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

log = logging.getLogger(__name__)

FOLDER = "TORCH_EXTENSIONS_DIR"  # torch's own variable; a folder that the user names is left alone


def default_folder() -> Path:
    """Where EVA's processes build, unless the user names a folder."""
    return Path.home() / ".cache" / "eva" / "torch_extensions"


@contextmanager
def builds_without_leftovers(folder: Path) -> Iterator[None]:
    """Keep the folder in use; delete the locks in it if no other process does, on any host that sees it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".in-use").open("a+") as users:
        with suppress(OSError):  # held by others, or a file system without locks
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _delete_locks(folder)
        with suppress(OSError):
            fcntl.flock(users, fcntl.LOCK_SH)
        yield


def _delete_locks(folder: Path) -> None:
    for lock in folder.glob("**/lock"):
        log.warning("%s was left by a process that is gone; deleted", lock)
        lock.unlink(missing_ok=True)
