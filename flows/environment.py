"""Environment variables of all processes that the flows start."""

import os
import sys
from pathlib import Path

from eva.loopback import without_proxy

TELEMETRY_OFF = {
    "DO_NOT_TRACK": "true",  # MLflow accepts only this value
    "DVC_NO_ANALYTICS": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}
# Flow runs outlast a server that is away for minutes, and show that they live.
STEADY = {"PREFECT_CLIENT_MAX_RETRIES": "8", "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30"}


def base_environment() -> dict[str, str]:
    """This process's environment, with telemetry off, no proxy for this machine, and its Python in PATH."""
    folder = str(Path(sys.executable).parent)
    path = [folder, *(p for p in os.environ.get("PATH", "").split(os.pathsep) if p != folder)]
    return {**without_proxy(os.environ), **TELEMETRY_OFF, "PATH": os.pathsep.join(path)}


def stage_environment(parent_run_id: str | None, pipeline_run: str | None = None) -> dict[str, str]:
    """The environment of `dvc repro`: code of the checkout, unbuffered output, few progress lines.

    `parent_run_id` is the MLflow run under which the stages are recorded, if given; `pipeline_run` names
    the flow run that they belong to, see `flows.tracked`.
    """
    environment = {
        **base_environment(),
        "PYTHONPATH": "src",
        "PYTHONUNBUFFERED": "1",
        "TQDM_MININTERVAL": "10",
    }
    if parent_run_id:
        environment["EVA_PARENT_RUN_ID"] = parent_run_id
    if pipeline_run:
        environment["EVA_PIPELINE_RUN"] = pipeline_run
    return environment
