"""Stage `collect`: several possible responses to supporter turns, for people or a machine to rank."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from eva import artifacts
from eva.collection import collecting
from eva.data.prepare import read_split
from eva.settings.collect_section import Collection
from eva.settings.generate_section import Generate

if TYPE_CHECKING:
    from eva.record import StageRun


def main(
    run: "StageRun",
    collect: Mapping[str, Collection],
    generate: Generate,
    *,
    collection: str,
    prepared: Path,
    model: Path,
    out: Path,
    metrics: Path,
) -> None:
    """Collect the candidates of one row; an interrupted collection continues where it stopped."""
    run.announce()
    row = collect[collection]
    splits = {split: read_split(prepared, split) for split in ("train", "valid")}
    turns = collecting.chosen_turns(row, splits)
    found = collecting.collect(row, turns, model, generate, run.answer_store, run.checkpoint_store)
    collecting.write(found, out)
    artifacts.write_json(metrics, found.counts)
    run.log_metrics(found.counts)
