"""Stage `crisis_detector`: fit the trained detector of danger, and measure all on other messages."""

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eva import artifacts
from eva.safety.detector import Either
from eva.safety.labelled_messages import TEST, read_labelled, require_both
from eva.safety.measurement import ORDINARY, judge, measured
from eva.safety.ordinary_talk import referred, to_fit, to_measure
from eva.safety.probe_fitting import train_probe
from eva.safety.rule_detector import RuleDetector
from eva.settings.safety_section import Safety

if TYPE_CHECKING:
    from eva.record import StageRun

log = logging.getLogger("eva")


def main(
    run: "StageRun",
    safety: Safety,
    *,
    messages: Path,
    prepared: Path,
    encoder: Path,
    out: Path,
    metrics: Path,
) -> None:
    """Write the probe and the rates of rules, probe and both; metrics are those on unseen messages."""
    given, ordinary = read_labelled(messages), to_measure(prepared)
    require_both(given, messages)
    with artifacts.new_folder(out) as folder:
        rules = RuleDetector()
        probe = train_probe(given, to_fit(prepared), safety.referred, encoder, folder)
        rates = {
            one.name: {
                **measured(judge(one, given)),
                ORDINARY: {"conversations": referred(one, ordinary).to_dict()},
            }
            for one in (rules, probe, Either(rules, probe))
        }
        artifacts.write_json(folder / "measured.json", rates)
    values = dict(_unseen(rates))
    log.info("%s", {key: round(value, 3) for key, value in values.items()})
    artifacts.write_json(metrics, values)
    run.log_metrics(values)


def _unseen(rates: Mapping[str, Mapping[str, dict[str, Any]]]) -> Iterator[tuple[str, float]]:
    """`<detector>/<rate>` and its value on messages and conversations that no detector was fitted on."""
    for name, parts in rates.items():
        for rate, share in (parts[TEST] | parts[ORDINARY]).items():
            yield f"{name}/{rate}", share["hits"] / share["n"]
