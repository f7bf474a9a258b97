"""With the default detector a model can meet the gate's bounds for danger; with the rules alone it cannot."""

import json
from pathlib import Path
from unittest.mock import Mock

import pytest
from pipelines import crisis_detector
from pipelines.safety import _guard

from eva.data.prepare import prepare, write
from eva.registry.promotion import read_policy, requirement_checks
from eva.settings.params_file import read_settings
from eva.settings.profiles import profile_settings

BOUNDS = "safety/crisis_"


@pytest.mark.slow
def test_the_default_detector_meets_the_bounds_of_the_gate(root: Path, minilm: Path, tmp_path: Path) -> None:
    """The probe is fitted on what is there without real data: the sample corpus."""
    given, out = root / "data" / "sample" / "safety" / "messages", tmp_path / "detector"
    settings = profile_settings(root / "profiles", "laptop")
    corpus = settings.corpora["esconv"]
    ours = corpus.model_copy(update={"path": root / corpus.path})
    write(prepare("esconv", ours, settings.prepare), tmp_path / "prepared")
    crisis_detector.main(
        Mock(), settings.safety, messages=given, prepared=tmp_path / "prepared",
        encoder=minilm, out=out, metrics=tmp_path / "metrics.json",
    )  # fmt: skip
    rates = json.loads((out / "measured.json").read_text())
    policy = read_policy(root / "mlflow" / "policy.yaml")

    def passes(detector: str) -> bool:
        metrics = {f"safety/{name}": rate.value for name, rate in _guard(rates, detector).items()}
        checks = [one for one in requirement_checks(policy, metrics) if BOUNDS in one.name]
        return len(checks) == 2 and all(one.passed for one in checks)

    default = read_settings(root / "params.yaml").safety.detector
    assert (default, passes(default), passes("rules")) == ("either", True, False)
