"""The location of a file in DVC's cache by its md5; tested with DVC 3.67.

The layout is documented (dvc.org/doc, "Structure of the cache directory") but not a stable API.
"""

import logging
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

TRIED = "3.67"
log = logging.getLogger(__name__)


def running_cache() -> Path | None:
    """DVC's cache, if `dvc repro` started this process; else None."""
    root = os.environ.get("DVC_ROOT")  # DVC sets it for the commands of its stages
    return cache_folder(Path(root)) if root else None


@cache
def cache_folder(root: Path) -> Path | None:
    """The cache of the DVC repository at `root`, or None; takes about a second, because it starts DVC."""
    command = [sys.executable, "-m", "dvc", "cache", "dir"]
    asked = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if asked.returncode != 0:
        log.debug("no DVC cache in %s: %s", root, asked.stderr.strip())
        return None
    return Path(asked.stdout.strip())


def cached_file(cache: Path, md5: str) -> Path:
    """The path in the cache of the file with this md5; the file may not exist."""
    return cache / "files" / "md5" / md5[:2] / md5[2:]
