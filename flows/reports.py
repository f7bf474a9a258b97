"""What a stage that is done reports to the pipeline: an artifact of its flow run.

Prefect learns the states of tasks from events, which are lost while its server is away; this is sent until it
is heard.
"""

import time
from typing import Any

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactCreate
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterType, FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun
from prefect.runtime import flow_run, task_run
from pydantic import BaseModel

from flows.paging import read_all
from flows.summary import StageRow

KIND = "stage"
PATIENCE = 3600.0  # seconds to wait for the server
PAUSE = 5.0


class Report(BaseModel):
    """A stage that is done: what DVC did, for how long, and its entry in `dvc.lock`."""

    stage: str
    outcome: str
    seconds: float
    entry: dict[str, Any] | None = None

    def row(self, pool: str) -> StageRow:
        return StageRow(self.stage, pool, self.outcome, self.seconds, entry=self.entry)


def send(report: Report) -> None:
    """Attach the report to the present flow run; a server that is away is waited for.

    Raises:
        httpx.HTTPError: it was away for an hour.
    """
    artifact = ArtifactCreate(
        type=KIND, data=report.model_dump(), flow_run_id=flow_run.id, task_run_id=task_run.id,
        description=f"{report.stage}: {report.outcome.lower()}",
    )  # fmt: skip
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with get_client(sync_client=True) as client:
                client.create_artifact(artifact)
            return
        except httpx.HTTPError:
            if time.monotonic() > deadline:
                raise
            time.sleep(PAUSE)


async def read(run: FlowRun) -> dict[str, Report]:
    """The latest report of each stage of a flow run."""
    of_run = FlowRunFilter(id=FlowRunFilterId(any_=[run.id]))
    of_kind = ArtifactFilter(type=ArtifactFilterType(any_=[KIND]))
    async with get_client() as client:
        found = await read_all(client.read_artifacts, flow_run_filter=of_run, artifact_filter=of_kind)
    reports = (Report.model_validate(artifact.data) for artifact in sorted(found, key=lambda a: a.created))
    return {report.stage: report for report in reports}
