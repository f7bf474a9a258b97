"""The exports are tested on the tiny model of the registry's tests, in its checkout."""

import shutil
from pathlib import Path

import pytest
from tests.cli.conftest import Eva, eva, here
from tests.record.conftest import bare, checkout, empty_database
from tests.registry.test_registration import adapter, backbone, workspace

from eva.models.loading import Policy

__all__ = ["adapter", "backbone", "bare", "checkout", "empty_database", "eva", "here", "workspace"]


@pytest.fixture
def aligned(eva: Eva, workspace: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The workspace as the current folder, with what the stage `dpo` left in models/dpo/tiny."""
    shutil.copy(root / "params.yaml", workspace / "params.yaml")
    policy = Policy("models/model", "models/dpo/tiny", "eva", "f")
    shutil.copytree(workspace / "models" / "adapter", workspace / "models" / "dpo" / "tiny")
    policy.write(workspace / "models" / "dpo" / "tiny" / "policy.json")
    monkeypatch.chdir(workspace)
    return workspace
