"""What the registry holds, for people: every version, and all about one."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from eva.artifacts import read_json
from eva.record import mlflow_store as store
from eva.registry.champion import LINEAGE, stored_package
from eva.registry.gate_decision import Decision
from eva.registry.package import read_decision
from eva.registry.registration import REMEDY
from eva.registry.versions import find_version, versions_of


@dataclass(frozen=True)
class Row:
    """One version: its aliases, the gate's outcome, the item of the DAG, the commit, when it came."""

    name: str
    version: str
    aliases: str
    gate: str
    item: str
    commit: str
    registered: str


def list_versions(root: Path) -> list[Row]:
    """All versions of all models that `eva registry push` put there, newest first."""
    opened = store.connect(root)
    models = opened.client.search_registered_models(max_results=1000)  # by default 100
    return [
        _row(one, model.aliases)
        for model in models
        for one in versions_of(opened, model.name)
        if "gate" in one.tags
    ]


def _row(version: Any, aliases: dict[str, str]) -> Row:
    own = sorted(alias for alias, number in aliases.items() if str(number) == str(version.version))
    came = datetime.fromtimestamp(version.creation_timestamp / 1000, UTC)
    return Row(
        name=version.name,
        version=str(version.version),
        aliases=", ".join(own),
        gate=version.tags["gate"],
        item=version.tags.get("item", ""),
        commit=version.tags.get("commit", ""),
        registered=f"{came:%Y-%m-%d %H:%M}",
    )


@dataclass(frozen=True)
class About:
    """One version with the gate's decision and its lineage."""

    uri: str
    decision: Decision
    lineage: dict[str, dict[str, Any]]


def about(uri: str, root: Path) -> About:
    """All about the version at an address such as `models:/eva@champion`; `InputError` if there is none."""
    opened = store.connect(root)
    version = find_version(opened, uri, REMEDY)
    with stored_package(opened, version) as folder:
        return About(
            uri=f"models:/{version.name}/{version.version}",
            decision=read_decision(folder),
            lineage=read_json(folder / LINEAGE),
        )
