"""Messages about failed runs and about the gate's decisions, sent by Prefect's server; off by default.

If EVA_NOTIFY_URL is set, `make up` makes a block that posts {"text": ...} to this address, as Slack and
Mattermost take it, and two automations that use it. Prefect's page can change them and switch them off.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect.automations import Automation
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.events import emit_event
from prefect.events.actions import SendNotification
from prefect.events.schemas.automations import EventTrigger, Posture
from prefect.types import SecretDict

from eva.artifacts import read_json
from eva.registry.gate_decision import Decision

VARIABLE = "EVA_NOTIFY_URL"
BLOCK = "eva-messages"
FLOWS = ("pipeline", "ablations", "sweep", "nightly", "collect")
GATE = "eva.gate.decided"


def ensure() -> bool:
    """Make or update block and automations; returns whether an address is given."""
    url = os.environ.get(VARIABLE)
    if not url:
        return False
    webhook = CustomWebhookNotificationBlock(
        name="EVA", url="{{address}}", json_data={"text": "{{subject}}\n{{body}}"},
        secrets=SecretDict({"address": url}),  # who knows such an address may write there: no page shows it
    )  # fmt: skip
    block = webhook.save(BLOCK, overwrite=True)
    for wanted in (_on_failure(block), _on_gate(block)):
        with suppress(ValueError):  # there is none yet
            Automation.read(name=wanted.name).delete()
        wanted.create()
    return True


def tell_gate(package: Path) -> None:
    """Emit the event of the gate's decision about the model in a folder that stage `register` has written."""
    decision = Decision.from_dict(read_json(package / "decision.json"))
    name = read_json(package / "package.json")["name"]
    outcome = "passed" if decision.passed else "refused"
    resource = {"prefect.resource.id": f"eva.model.{name}", "prefect.resource.name": outcome}
    emit_event(GATE, resource=resource, payload={"model": name, "reasons": decision.reasons})


def _on_failure(block: UUID) -> Any:
    return Automation(
        name="EVA: a run failed",
        trigger=EventTrigger(
            expect={"prefect.flow-run.Failed", "prefect.flow-run.Crashed", "prefect.flow-run.TimedOut"},
            match_related={"prefect.resource.role": "flow", "prefect.resource.name": list(FLOWS)},
            posture=Posture.Reactive,
            threshold=1,
        ),
        actions=[
            SendNotification(
                block_document_id=block,
                subject="EVA: {{ flow.name }} {{ flow_run.state.name }}",
                body="{{ flow_run.name }}: {{ flow_run.state.message }}\n{{ flow_run|ui_url }}",
            )
        ],
    )


def _on_gate(block: UUID) -> Any:
    return Automation(
        name="EVA: the gate has decided",
        trigger=EventTrigger(expect={GATE}, posture=Posture.Reactive, threshold=1),
        actions=[
            SendNotification(
                block_document_id=block,
                subject="EVA: the gate {{ event.resource.name }} a model",
                body="{{ event.payload.model }}: {{ event.payload.reasons|join('; ') }}",
            )
        ],
    )
