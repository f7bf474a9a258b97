"""The artifacts of a pipeline run in Prefect: a table of its stages and a table of metrics."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect.artifacts import acreate_table_artifact

from eva.artifacts import read_json
from flows.dag import StageNode


@dataclass(frozen=True)
class StageRow:
    """The result of one stage: `Ran`, `Cached` (restored), `Unchanged`, `Failed` or `Not run`."""

    stage: str
    pool: str
    outcome: str
    seconds: float
    message: str = ""

    @property
    def completed(self) -> bool:
        """Whether its outputs exist."""
        return self.outcome not in ("Failed", "Not run")


async def publish(nodes: Iterable[StageNode], rows: Iterable[StageRow], metrics: Path) -> None:
    """Create the artifact `stages` and, if the file `metrics` exists, the artifact `metrics`."""
    await acreate_table_artifact(stage_table(nodes, rows), "stages", "What DVC did, stage by stage")
    if metrics.is_file():
        table = metric_table(read_json(metrics))
        await acreate_table_artifact(table, "metrics", f"Numbers of `{metrics}`")


def stage_table(nodes: Iterable[StageNode], rows: Iterable[StageRow]) -> list[dict[str, Any]]:
    """One row per stage in the order of the DAG, including stages that were never submitted."""
    by_name = {row.stage: row for row in rows}
    found = (by_name.get(node.name, StageRow(node.name, node.pool, "Not run", 0.0)) for node in nodes)
    return [_cells(row) for row in found]


def _cells(row: StageRow) -> dict[str, Any]:
    status, seconds = row.outcome.lower(), round(row.seconds, 1)
    return {"stage": row.stage, "pool": row.pool, "status": status, "seconds": seconds}


def metric_table(content: Any) -> list[dict[str, Any]]:
    """The numbers in a JSON document, each with its path, such as `overlap/bleu_2`, 3.1."""
    return [{"metric": name, "value": value} for name, value in _numbers("", content)]


def _numbers(path: str, content: Any) -> Iterator[tuple[str, float]]:
    if isinstance(content, bool) or content is None:
        return
    if isinstance(content, int | float):
        yield path, content
    elif isinstance(content, dict):
        for key, value in content.items():
            yield from _numbers(f"{path}/{key}" if path else str(key), value)
