"""The detector that the settings choose."""

from pathlib import Path

from eva.safety.detector import Detector, Either
from eva.safety.rule_detector import RuleDetector
from eva.settings.safety_section import DetectorName


def detector_named(name: DetectorName, probe: Path, encoder: Path) -> Detector:
    """The detector `name`; only `probe` and `either` read the folders of the probe and of its encoder.

    Raises:
        InputError: the probe is needed and cannot be used, see `ProbeDetector.load`.
    """
    if name == "rules":
        return RuleDetector()
    from eva.safety.probe_detector import ProbeDetector

    trained = ProbeDetector.load(probe, encoder)
    return trained if name == "probe" else Either(RuleDetector(), trained)
