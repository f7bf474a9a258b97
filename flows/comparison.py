"""The comparison of variants as a Markdown artifact, with links to MLflow's runs and to the report."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prefect import get_run_logger

from eva.artifacts import read_json
from eva.record import mlflow_store
from eva.text_columns import markdown

HEADLINE = Path("metrics/report.json")
TRAININGS = ("sft", "dpo")
Row = tuple[str, ...]  # corpus, backbone, variant; or a training and its item
Numbers = dict[Row, dict[str, float]]


def read_numbers(root: Path) -> Numbers:
    """The numbers of the report by row and metric; nothing if there is no report."""
    path = root / HEADLINE
    numbers: Numbers = {}
    for name, value in (read_json(path) if path.is_file() else {}).items():
        corpus, backbone, variant, metric = name.split("/", 3)
        numbers.setdefault((corpus, backbone, variant), {})[metric] = value
    return numbers


def read_trainings(root: Path) -> Numbers:
    """The numbers of each training that was done, for runs that end before the report."""
    files = [
        (stage, path) for stage in TRAININGS for path in sorted((root / "metrics" / stage).glob("*.json"))
    ]
    read = {(stage, path.stem): read_json(path) for stage, path in files}
    return {row: values for row, values in read.items() if values.get("trained") != 0}


def compare(numbers: Mapping[Row, Mapping[str, float]], links: Mapping[Row, str]) -> list[str]:
    """A Markdown table: one line for each variant, one column for each metric."""
    metrics = list(dict.fromkeys(name for row in numbers.values() for name in row))
    lines = [["", *metrics]]
    for row, values in numbers.items():
        label = " ".join(row)
        shown = f"[{label}]({links[row]})" if row in links else label
        lines.append([shown, *(_number(values.get(name)) for name in metrics)])
    return markdown(lines)


def find_links(root: Path) -> tuple[dict[Row, str], str | None]:
    """The addresses of the latest runs of `evaluate` by row, and of the latest run of `report`, in MLflow."""
    server = os.environ.get("MLFLOW_TRACKING_URI", "")
    if not server.startswith("http"):
        return {}, None
    try:
        store = mlflow_store.connect(root)
        evaluated, reported = store.find(stage="evaluate"), store.find(stage="report")
    except Exception as error:  # without MLflow the table only lacks its links
        get_run_logger().warning("MLflow at %s cannot be linked to: %s", server, error)
        return {}, None
    by_row = {_row_of(run): _page(server, run.info.experiment_id, run.info.run_id) for run in evaluated}
    if not reported:
        return by_row, None
    last = reported[-1].info
    return by_row, f"{_page(server, last.experiment_id, last.run_id)}/artifacts"


def run_page(run_id: str) -> str | None:
    """The address of a run in MLflow; None without a server."""
    server = os.environ.get("MLFLOW_TRACKING_URI", "")
    return f"{server}/#/runs/{run_id}" if server.startswith("http") else None


def _row_of(run: Any) -> Row:
    tags = run.data.tags
    return tags.get("eva.corpus", ""), tags.get("eva.backbone", ""), tags.get("eva.variant", "")


def _page(server: str, experiment: str, run: str) -> str:
    return f"{server}/#/experiments/{experiment}/runs/{run}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
