"""The MLflow run of an experiment: its stages are recorded under it, and it holds their main numbers."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prefect import get_run_logger
from prefect.runtime import flow_run

from eva.record import mlflow_store
from flows.comparison import Numbers


def open_parent(root: Path, name: str, changed: Mapping[str, Any]) -> str | None:
    """Start the run and return its id; None if MLflow is away: the stages then find a run of their own."""
    try:
        store = mlflow_store.connect(root)
        tags = {"eva.experiment": name, "eva.flow_run": str(flow_run.id), "mlflow.source.type": "PROJECT"}
        run = store.create(name, tags)
        for key, value in changed.items():
            store.client.log_param(run, key, value)
    except Exception as error:
        get_run_logger().warning("no MLflow run for experiment %s: %s", name, error)
        return None
    return run


def close_parent(root: Path, run: str | None, numbers: Numbers, finished: bool) -> None:
    """Log the numbers of the experiment and end its run."""
    if run is None:
        return
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    metrics = [
        Metric(mlflow_store.metric_name("/".join([*row, name])), value, now, 0)
        for row, values in numbers.items()
        for name, value in values.items()
    ]
    try:
        client = mlflow_store.connect(root).client
        client.log_batch(run, metrics=metrics)
        client.set_terminated(run, "FINISHED" if finished else "FAILED")
    except Exception as error:
        get_run_logger().warning("MLflow run %s was not completed: %s", run, error)
