"""Running `eva` as a user does: flows use no other way to the parts of EVA that are no stages."""

import subprocess
import sys
from collections.abc import Mapping

from flows.environment import stage_environment
from flows.stage import StageError


def run_eva(*words: str, environment: Mapping[str, str] | None = None) -> str:
    """What `eva WORDS` prints in the present folder.

    Raises:
        StageError: it failed; the message has its own words.
    """
    command = [sys.executable, "-m", "eva", *words]
    variables = stage_environment(None) if environment is None else dict(environment)
    done = subprocess.run(
        command, env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise StageError(f"`eva {' '.join(words)}` failed:\n{(done.stderr or done.stdout).strip()}")
    return done.stdout.strip()
