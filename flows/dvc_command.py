"""Running DVC for what is no stage, so that nothing has to be followed or stopped."""

import subprocess
import sys
from pathlib import Path

from eva.errors import InputError
from eva.hosts.git_source import shown
from flows.environment import base_environment


def dvc(root: Path, *words: str) -> None:
    """Run `dvc WORDS` in `root`.

    Raises:
        InputError: it failed; the message has its own words.
    """
    command = [sys.executable, "-m", "dvc", *words]
    done = subprocess.run(
        command, cwd=root, env=base_environment(), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        said = done.stderr.strip() or done.stdout.strip()
        raise InputError(f"`dvc {shown(' '.join(words))}` failed: {shown(said)}")
