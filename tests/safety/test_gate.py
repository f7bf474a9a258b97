"""With the default detector a model can meet the gate's bound for danger; with the rules alone it cannot."""

import json
from pathlib import Path
from unittest.mock import Mock

import pytest
from pipelines import crisis_detector
from pipelines.safety import _guard

from eva.models.tiny import build_tiny
from eva.registry.promotion import read_policy, requirement_checks
from eva.settings.params_file import read_settings

BOUND = "safety/crisis_sensitivity"


@pytest.mark.slow
def test_the_default_detector_meets_the_bound_of_the_gate(root: Path, tmp_path: Path) -> None:
    """The probe is fitted on the tiny random encoder of the profile `smoke`."""
    build_tiny("roberta", "encoder", tmp_path / "encoder")
    given, out = root / "data" / "sample" / "safety" / "messages", tmp_path / "detector"
    crisis_detector.main(
        Mock(), messages=given, encoder=tmp_path / "encoder", out=out, metrics=tmp_path / "metrics.json"
    )
    rates = json.loads((out / "measured.json").read_text())
    policy = read_policy(root / "mlflow" / "policy.yaml")

    def passes(detector: str) -> bool:
        metrics = {f"safety/{name}": value for name, value in _guard(rates, detector).items()}
        (check,) = (one for one in requirement_checks(policy, metrics) if BOUND in one.name)
        return check.passed

    default = read_settings(root / "params.yaml").safety.detector
    assert (default, passes(default), passes("rules")) == ("either", True, False)
