"""Stage `crisis_detector`: fit the trained detector of danger, and measure all on other messages."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from eva import artifacts
from eva.safety.detector import Either
from eva.safety.labelled_messages import TEST, read_labelled, require_both
from eva.safety.measurement import judge, measured
from eva.safety.probe_detector import train_probe
from eva.safety.rule_detector import RuleDetector

if TYPE_CHECKING:
    from eva.record import StageRun

log = logging.getLogger("eva")


def main(run: "StageRun", *, messages: Path, encoder: Path, out: Path, metrics: Path) -> None:
    """Write the probe and the rates of rules, probe and both; metrics are those on unseen messages."""
    given = read_labelled(messages)
    require_both(given, messages)
    with artifacts.new_folder(out) as folder:
        rules, probe = RuleDetector(), train_probe(given, encoder, folder)
        rates = {
            detector.name: measured(judge(detector, given))
            for detector in (rules, probe, Either(rules, probe))
        }
        artifacts.write_json(folder / "measured.json", rates)
    values = {
        f"{name}/{rate}": share["hits"] / share["n"]
        for name, parts in rates.items()
        for rate, share in parts[TEST].items()
    }
    log.info("%s", {key: round(value, 3) for key, value in values.items()})
    artifacts.write_json(metrics, values)
    run.log_metrics(values)
