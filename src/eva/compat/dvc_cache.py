"""Where DVC keeps a file of a given content; tried with DVC 3.67.

The layout is documented (dvc.org/doc, "Structure of the cache directory") but is no API.
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
    """The cache of the checkout in which `dvc repro` runs this process; None outside of it."""
    root = os.environ.get("DVC_ROOT")  # DVC sets it for the commands of its stages
    return cache_folder(Path(root)) if root else None


@cache
def cache_folder(root: Path) -> Path | None:
    """The cache of a DVC repository, None where there is none; takes a second, which importing DVC takes."""
    command = [sys.executable, "-m", "dvc", "cache", "dir"]
    asked = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if asked.returncode != 0:
        log.debug("no DVC cache in %s: %s", root, asked.stderr.strip())
        return None
    return Path(asked.stdout.strip())


def cached_file(cache: Path, md5: str) -> Path:
    """Where the cache holds the file with this digest, if it does."""
    return cache / "files" / "md5" / md5[:2] / md5[2:]
