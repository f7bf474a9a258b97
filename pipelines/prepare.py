"""Stage `prepare`: read a corpus in its official format, and write its dialogues by split."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from eva import artifacts
from eva.data import prepare as preparation
from eva.plugins import load_plugins
from eva.settings.corpora_section import Corpus
from eva.settings.prepare_section import Prepare

if TYPE_CHECKING:
    from eva.record import StageRun


def main(
    run: "StageRun",
    prepare: Prepare,
    corpora: Mapping[str, Corpus],
    *,
    corpus: str,
    raw: Path,
    plugins: Path,
    out: Path,
    metrics: Path,
) -> None:
    """Load, join, drop and split the dialogues of one corpus."""
    load_plugins(plugins)
    row = corpora[corpus].model_copy(update={"path": raw})
    prepared = preparation.prepare(corpus, row, prepare)
    preparation.write(prepared, out)
    artifacts.write_json(metrics, prepared.statistics)
    run.log_metrics({f"dialogues/{split}": len(rows) for split, rows in prepared.splits.items()})
