"""What the stages `evaluate` and `people` have in common: score responses and write every file of it."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eva import artifacts
from eva.data.responses import Response
from eva.metrics.score import score
from eva.metrics.score_writer import write_scores
from eva.metrics.selection import select
from eva.plugins import load_plugins
from eva.scorers.trained import Scorers
from eva.settings.evaluate_section import Evaluate

if TYPE_CHECKING:
    from eva.record import StageRun

log = logging.getLogger("eva")


@dataclass(frozen=True)
class Sources:
    """Folders that scoring reads: scorers, and modules of the user's own."""

    levels: Path
    epitome: Path
    metrics: Path
    estimators: Path

    def load_plugins(self) -> dict[str, str]:
        """Import the user's modules, estimators first, as metrics name them; their digests by name."""
        return {**load_plugins(self.estimators), **load_plugins(self.metrics)}


def write_scored(
    run: "StageRun",
    rows: Sequence[Response],
    settings: Evaluate,
    sources: Sources,
    provenance: Mapping[str, Any],
    out: Path,
    metrics: Path,
    without: str | None = None,
) -> None:
    """Compute the chosen metrics of the rows; write scores to `out` and measured values to `metrics`.

    Metrics that need `without` are left out.
    """
    plugins = sources.load_plugins()
    names = [metric.name for metric in select(settings.metrics) if without not in metric.needs]
    scorers = Scorers(sources.levels, sources.epitome, settings.precision)
    result = score(
        rows,
        names,
        settings=settings,
        scorers=scorers,
        reference=scorers.reference(),
        provenance={**provenance, **scorers.provenance(), **({"plugins": plugins} if plugins else {})},
    )
    for note in result.notes:
        log.warning("%s", note)
    write_scores(out, result)
    measured = {name: metric for name, metric in result.metrics.items() if metric.measured}
    values = {name: metric.value for name, metric in measured.items() if metric.value is not None}
    artifacts.write_json(metrics, values)
    run.log_metrics(values)
