"""Links between a flow run in Prefect and the parent run of its stages in MLflow."""

import asyncio
import json
import logging
import os
from pathlib import Path
from uuid import UUID

from prefect.artifacts import acreate_link_artifact
from prefect.client.orchestration import get_client
from prefect.runtime import flow_run as current
from prefect.settings import PREFECT_UI_URL

from eva.record import mlflow_store
from eva.record.replay import settle_pending


def pipeline_run() -> str | None:
    """The outermost flow run that this one belongs to, for `EVA_PIPELINE_RUN` of its stages."""
    root = current.root_flow_run_id
    if root is None:
        return None
    with get_client(sync_client=True) as client:
        name = client.read_flow_run(UUID(root)).name
    page = PREFECT_UI_URL.value()
    return json.dumps({"key": root, "name": name, "url": f"{page}/runs/flow-run/{root}" if page else None})


async def publish_link() -> None:
    """Create the artifact `mlflow`: the page of the run of this flow run's stages, if a server has it."""
    page = await asyncio.to_thread(_page_in_mlflow, str(current.id))
    if page:
        await acreate_link_artifact(page, "MLflow", key="mlflow", description="The stages' runs in MLflow")


def _page_in_mlflow(key: str) -> str | None:
    if not os.environ.get("MLFLOW_TRACKING_URI", "").startswith("http"):
        return None  # a database has no page
    try:
        settle_pending(Path.cwd())
        opened = mlflow_store.connect(Path.cwd())
        found = opened.find(parent=key)
    except Exception as error:  # the pipeline has ended: only the link is missing
        logging.getLogger(__name__).warning("MLflow gave no link: %s", error)
        return None
    page = f"{opened.address}/#/experiments/{opened.experiment}/runs"
    return f"{page}/{found[0].info.run_id}" if found else None
