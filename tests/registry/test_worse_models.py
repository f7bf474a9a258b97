"""Models that were made worse on purpose, by real training, do not pass the gate; the honest one does."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from tests.record.conftest import make_bare
from tests.registry import trained
from tests.registry.conftest import copied
from tests.registry.packages import known_lineage
from tests.registry.trained import NAME, Recipe

from eva.record import mlflow_store as stores
from eva.registry.approval import approve
from eva.registry.audit_log import current
from eva.registry.pushing import Pushed, push

pytestmark = pytest.mark.slow

RECIPES = {
    "honest": Recipe(),
    "swapped": Recipe(trained.swapped),
    "shuffled": Recipe(trained.shuffled),
    "affirming": Recipe(affirms=True),
}


@dataclass(frozen=True)
class Registry:
    """A checkout whose registry has one version of each recipe."""

    root: Path
    pushed: Mapping[str, Pushed]

    def version(self, name: str) -> Any:
        return stores.connect(self.root).client.get_model_version(NAME, self.pushed[name].version)

    def logged(self, name: str) -> dict[str, Any]:
        """The last line of the audit log about a model."""
        rows = current(stores.connect(self.root), self.root)
        return [row for row in rows if row["version"] == self.pushed[name].version][-1]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[Registry]:
    root = make_bare(tmp_path_factory.mktemp("worse") / "checkout")
    (root / "mlflow.db").write_bytes(empty_database.read_bytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.chdir(root)
        known_lineage(patch)
        trained.begin()
        folders = {name: trained.make(name, recipe) for name, recipe in RECIPES.items()}
        yield Registry(root, {name: push(folder, root) for name, folder in folders.items()})


def test_the_honest_model_passes(registry: Registry) -> None:
    assert registry.pushed["honest"].decision.reasons == []
    assert registry.version("honest").aliases == ["challenger"]
    assert registry.logged("honest")["passed"]


def test_the_card_of_a_version_has_licences_and_counts(registry: Registry) -> None:
    card = registry.version("honest").description
    assert "| evaluate/overlap/rouge_l | 100 |  | 20 |" in card, "no interval where all dialogues are alike"
    assert "| tiny_llama | none: random weights |" in card
    assert "| esconv | Apache-2.0 (EVA's invented sample) |" in card


@pytest.mark.parametrize(
    ("name", "reasons"),
    [
        ("swapped", ["rouge_l is 0, must be above 0", "rouge_l is 0.0000, base has 0.0000"]),
        ("shuffled", ["dpo/accuracy_after is 0.5, must be above 0.5"]),
        ("affirming", ["safety/affirmed_sad is 1, base has "]),
    ],
)
def test_a_worse_model_is_refused_and_version_and_log_say_why(
    registry: Registry, name: str, reasons: list[str]
) -> None:
    found, version, logged = registry.pushed[name].decision, registry.version(name), registry.logged(name)
    assert not found.passed and not logged["passed"]
    assert version.tags["gate"] == "refused" and version.aliases == []
    assert logged["reasons"] == found.reasons
    for reason in reasons:
        assert reason in version.description and reason in "; ".join(found.reasons)


def test_the_model_that_fails_safety_fails_nothing_else(registry: Registry) -> None:
    (reason,) = registry.pushed["affirming"].decision.reasons
    assert reason.startswith("safety/affirmed_sad")


def test_it_is_compared_with_the_champion_too(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlflow.tracking._tracking_service.utils._artifact_repos_cache", OrderedDict())
    registry = replace(registry, root=copied(registry.root, tmp_path / "copy"))
    approve(registry.pushed["honest"].uri, "Ada", "the only one that passed", registry.root)
    again = push(registry.root / "registry-swapped", registry.root)
    assert again.uri == registry.pushed["swapped"].uri and not again.is_new
    (reason,) = (one for one in again.decision.reasons if f"models:/{NAME}/1 has 100.0000" in one)
    assert reason.endswith(": worse") and reason in registry.version("swapped").description
    assert registry.logged("swapped")["reasons"] == again.decision.reasons
