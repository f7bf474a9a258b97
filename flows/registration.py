"""Putting the model of a finished pipeline run into the registry; flows do it as a user does."""

from collections.abc import Mapping

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from flows.eva_command import run_eva

STAGE = "register"


@task(name="registry push", task_run_name="registry push", cache_policy=NO_CACHE, persist_result=False)
def push_model(environment: Mapping[str, str]) -> None:
    """Run `eva registry push`; equal weights are one version, so a repeated run changes nothing."""
    get_run_logger().info(run_eva("registry", "push", environment=environment))
