"""Putting the model of a workspace into the registry: `eva registry push`.

Only the files of the workspace decide what happens, so a push can be repeated: equal weights are one
version, whose decision and card are brought up to date.
"""

import logging
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eva.artifacts import write_json
from eva.plain_text import read_text
from eva.record import mlflow_store as store
from eva.record.checkout import main_checkout
from eva.registry import audit_log
from eva.registry.approval import promote
from eva.registry.champion import LINEAGE, PLACE, champion_checks, lineage_check
from eva.registry.gate_decision import Decision
from eva.registry.lineage import STAGES, lineage, makers
from eva.registry.model_folder import build_model
from eva.registry.package import CARD, DECISION, Package, read_decision, read_package
from eva.registry.promotion import CHALLENGER, CHAMPION
from eva.registry.stored_files import FILES_TAG
from eva.registry.uploading import IDENTITY, Uploaded, upload, version_tags
from eva.registry.versions import ensure_model, with_alias

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pushed:
    """A version in the registry; `is_new` is False if the same model was there already."""

    name: str
    version: str
    decision: Decision
    is_new: bool

    @property
    def uri(self) -> str:
        return f"models:/{self.name}/{self.version}"


def push(folder: Path, root: Path) -> Pushed:
    """Put the package in `folder` into the registry, and set the alias that its decision allows.

    Raises:
        InputError: the files on disk are not those of the package, or no recorded runs made them, or the
            store does not give back what it was given. Then no version was made.
    """
    package = read_package(folder)
    package.require_files(root)
    made_by = makers(package.axes, root)
    with audit_log.registry_lock(root):
        told = lineage(made_by, root)
        opened = store.connect(root)
        audit_log.current(opened, root)  # refuses to go on after a changed log
        decision = read_decision(folder).joined(
            [
                lineage_check(package.promotion, made_by),
                *champion_checks(opened, package, package.standing(folder)),
            ]
        )
        found = find_identity(opened, package.name, package.identity)
        version = found or _register(opened, package, folder, root)
        _describe(opened, version, package, folder, decision, told)
        _settle(opened, root, version, decision)
        if decision.passed and package.promotion.champion == "gate":
            promote(opened, root, find_identity(opened, package.name, package.identity), "the gate passed it")
    log.info("%s version %s: %s", package.name, version.version, "passed" if decision.passed else "refused")
    return Pushed(package.name, str(version.version), decision, found is None)


def _settle(opened: store.Store, root: Path, version: Any, decision: Decision) -> None:
    """Log the decision if it is a new one, and set or take away the alias `challenger`."""
    name, number, client = version.name, str(version.version), opened.client
    facts = {
        "passed": decision.passed,
        "reasons": decision.reasons,
        "files": client.get_model_version(name, number).tags[FILES_TAG],
    }
    known = [
        row for row in audit_log.current(opened, root) if (row["model"], row["version"]) == (name, number)
    ]
    decided = [row for row in known if row["act"] == "push"]
    if not decided or any(decided[-1][key] != value for key, value in facts.items()):
        audit_log.append(opened, root, "push", name, number, **facts)
    champion, challenger = (with_alias(opened, name, alias) for alias in (CHAMPION, CHALLENGER))
    if decision.passed and not _is(champion, number):
        client.set_registered_model_alias(name, CHALLENGER, number)
    elif not decision.passed and _is(challenger, number):
        client.delete_registered_model_alias(name, CHALLENGER)


def _is(version: Any | None, number: str) -> bool:
    return version is not None and str(version.version) == number


def find_identity(opened: store.Store, name: str, identity: str) -> Any | None:
    """The version of the registered model that has these weights, this prompt and this decoding."""
    found = opened.client.search_model_versions(f"name = '{name}' and tags.`{IDENTITY}` = '{identity}'")
    return max(found, key=lambda one: int(one.version)) if found else None


def _register(opened: store.Store, package: Package, folder: Path, root: Path) -> Any:
    staging = main_checkout(root) / ".eva" / "registry"
    staging.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=staging) as work:
        card = read_text(folder / CARD)
        model = build_model(package, card, Path(work) / "model", root)
        uploaded = upload(opened, model, package.identity, package.name)
    ensure_model(opened, package.name)
    return _create_version(opened, package, uploaded)


def _create_version(opened: store.Store, package: Package, uploaded: Uploaded) -> Any:
    return opened.client.create_model_version(
        package.name,
        uploaded.source,  # models:/ID would be looked up in the process-wide registry
        run_id=uploaded.run_id,
        model_id=uploaded.model_id,
        tags=version_tags(uploaded, package.identity),
    )


def _describe(
    opened: store.Store, version: Any, package: Package, folder: Path, decision: Decision, told: Any
) -> None:
    """Bring what a person reads of a version up to date: a few tags, the text, and the files behind it."""
    client, name, number = opened.client, package.name, str(version.version)
    with tempfile.TemporaryDirectory() as work:  # whole, so that no half of a push can be approved
        shown_folder = shutil.copytree(folder, Path(work) / PLACE)
        write_json(shown_folder / DECISION, decision.to_dict())
        write_json(shown_folder / LINEAGE, told)
        client.log_artifacts(version.run_id, str(shown_folder), PLACE)
    commit = told["dpo"]["commit"] or "none"
    shown = {"gate": "passed" if decision.passed else "refused", "commit": commit[:8]}
    for key, value in {**shown, "item": "-".join(package.axes[name] for name in STAGES["evaluate"])}.items():
        client.set_model_version_tag(name, number, key, value)
    client.update_model_version(name, number, description=_description(decision, read_text(folder / CARD)))
    store.send(client, version.run_id, store.points("", package.metrics, int(time.time() * 1000)))


def _description(decision: Decision, card: str) -> str:
    from huggingface_hub import ModelCard

    outcome = "**The gate passed it.**" if decision.passed else "**The gate refused it:**"
    reasons = "\n".join(f"- {reason}" for reason in decision.reasons)
    return "\n\n".join(part for part in (outcome, reasons, ModelCard(card).text.strip()) if part)
