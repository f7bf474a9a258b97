"""The rows that a validation has refused, as an artifact of the pipeline's run."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect import get_run_logger
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactCreate
from prefect.runtime import flow_run

from eva.artifacts import read_json, read_yaml

LISTED = 200


def publish(stage: str) -> None:
    """If the verdict that a failed stage has written names rows, show them with the pipeline's run."""
    rows = [row for verdict in _verdicts(stage) for row in offending_rows(read_json(verdict))]
    if not rows:
        return
    artifact = ArtifactCreate(
        key=f"refused-{re.sub('[^a-z0-9]+', '-', stage.lower())}",
        type="table",
        description=f"Why `{stage}` refuses the data, and the first rows of each reason",
        data=rows[:LISTED],
        flow_run_id=UUID(flow_run.parent_flow_run_id or flow_run.id),
    )
    try:
        with get_client(sync_client=True) as client:
            client.create_artifact(artifact)
    except Exception as error:  # the stage's own error says more
        get_run_logger().warning("the refused rows could not be shown: %s", error)


def offending_rows(verdict: dict[str, Any]) -> list[dict[str, Any]]:
    """One row for each listed row of each failed expectation of a `verdict.json`."""
    return [
        {
            "expectation": failure["expectation"],
            "rows that break it": failure["count"],
            "file": row["file"],
            "dialogue": row["dialogue"],
            "turn": row["turn"],
            "what": row["what"],
        }
        for failure in verdict.get("failures", [])
        for row in failure["rows_listed"]
    ]


def _verdicts(stage: str) -> Iterator[Path]:
    """The file `verdict.json` in each output folder of a stage that has one."""
    group, _, key = stage.partition("@")
    declared = read_yaml(Path("dvc.yaml"))["stages"].get(group, {})
    outs = declared.get("do", declared).get("outs", [])
    paths = (Path(out.replace("${key}", key), "verdict.json") for out in outs if isinstance(out, str))
    return (path for path in paths if path.is_file())
