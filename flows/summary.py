"""The artifacts at the end of a pipeline run: a table of its stages and the comparison of variants."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect.artifacts import acreate_markdown_artifact, acreate_table_artifact

from flows.comparison import compare, find_links, read_numbers
from flows.dag import StageNode


@dataclass(frozen=True)
class StageRow:
    """The result of one stage: `Ran`, `Cached` (restored), `Unchanged`, `Failed` or `Not run`.

    `entry` is what the stage entered in `dvc.lock`, if it is done.
    """

    stage: str
    pool: str
    outcome: str
    seconds: float
    message: str = ""
    entry: Mapping[str, Any] | None = None

    @property
    def completed(self) -> bool:
        """Whether its outputs exist."""
        return self.outcome not in ("Failed", "Not run")


async def publish(nodes: Iterable[StageNode], rows: Iterable[StageRow], root: Path) -> None:
    """Create the artifact `stages` and, if there is a report, the artifact `comparison`."""
    await acreate_table_artifact(stage_table(nodes, rows), "stages", "What DVC did, stage by stage")
    if numbers := read_numbers(root):
        links, report = await asyncio.to_thread(find_links, root)
        ends = [f"[Report]({report}) in MLflow, or `report/index.html`."] if report else []
        text = "\n".join([*compare(numbers, links), "", *ends])
        await acreate_markdown_artifact(text, "comparison", "The variants beside each other")


def stage_table(nodes: Iterable[StageNode], rows: Iterable[StageRow]) -> list[dict[str, Any]]:
    """One row per stage in the order of the DAG, including stages that were never submitted."""
    by_name = {row.stage: row for row in rows}
    found = (by_name.get(node.name, StageRow(node.name, node.pool, "Not run", 0.0)) for node in nodes)
    return [_cells(row) for row in found]


def _cells(row: StageRow) -> dict[str, Any]:
    status, seconds = row.outcome.lower(), round(row.seconds, 1)
    return {"stage": row.stage, "pool": row.pool, "status": status, "seconds": seconds}
