"""The detector of a name, or what can be had of it."""

from pathlib import Path

from eva.safety.detector import Detector, Either
from eva.safety.rule_detector import RuleDetector
from eva.settings.safety_section import DetectorName

RULES_ALONE = "only the rules check messages for danger, and they miss more than rules and probe together"


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


def detector_at_hand(name: DetectorName, probe: Path, encoder: Path) -> tuple[Detector, str | None]:
    """As `detector_named`; but of `either` the rules alone where no probe was fitted, and a note of that.

    Raises:
        InputError: as `detector_named`. A probe that is there and damaged is no reason to go on without it.
    """
    if name == "either" and not (probe.is_dir() and encoder.is_dir()):
        absent = encoder if probe.is_dir() else probe
        return RuleDetector(), f"no {absent}: {RULES_ALONE} (`dvc repro crisis_detector` makes the probe)"
    return detector_named(name, probe, encoder), None
