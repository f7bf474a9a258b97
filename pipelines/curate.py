"""Stage `curate`: a set of preference pairs from ranked candidates, in EVAD's format."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from eva import artifacts
from eva.collection import curating
from eva.collection.rankers import rank
from eva.data.prepare import read_all
from eva.settings.curate_section import Curation

if TYPE_CHECKING:
    from eva.record import StageRun


def main(
    run: "StageRun",
    curate: Mapping[str, Curation],
    *,
    collection: str,
    prepared: Path,
    candidates: Path,
    ranking: Path,
    out: Path,
    metrics: Path,
) -> None:
    """Rank the candidates of one row, if people have not, and write the set with its card."""
    splits = read_all(prepared)
    judged = rank(candidates, ranking, splits, run.answer_store)
    found = curating.assemble(judged.pairs, judged.left_out, splits)
    about = {**judged.about, "corpus": curate[collection].corpus}
    curating.write(collection, found, judged.ranked, about, out)
    artifacts.write_json(metrics, found.counts)
    run.log_metrics(found.counts)
