"""Putting the model of a finished pipeline run into the registry; flows do it as a user does."""

import subprocess
import sys
from collections.abc import Mapping

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from flows.stage import StageError

STAGE = "register"


@task(name="registry push", task_run_name="registry push", cache_policy=NO_CACHE, persist_result=False)
def push_model(environment: Mapping[str, str]) -> None:
    """Run `eva registry push`; equal weights are one version, so a repeated run changes nothing."""
    words = [sys.executable, "-m", "eva", "registry", "push"]
    done = subprocess.run(
        words, env=dict(environment), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise StageError(f"`eva registry push` failed:\n{done.stderr or done.stdout}")
    get_run_logger().info(done.stdout.strip())
