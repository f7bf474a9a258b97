"""The runs behind a model: those that made the bytes that are registered, found by their digests."""

import logging
from collections.abc import Mapping
from pathlib import Path

from eva.record import Record, find_maker
from eva.record import mlflow_store as store
from eva.record.replay import replay

log = logging.getLogger(__name__)

_ITEM = ("corpus", "backbone", "seed", "variant")
# What a model and its figures come from, in order, and the axes of each.
_STAGES: dict[str, tuple[str, ...]] = {
    "prepare": ("corpus",),
    "backbone": ("backbone",),
    "preferences": ("backbone",),
    "sft": _ITEM,
    "dpo": _ITEM,
    "level_classifier": (),
    "generate": _ITEM,
    "evaluate": _ITEM,
}


def makers(axes: Mapping[str, str], root: Path) -> dict[str, Record]:
    """The run that made what each stage of an item's chain has left here, by stage.

    A stage whose maker nobody knows is left out, with a warning: its outs were changed by hand, or
    came without their record.
    """
    found = {}
    for stage, names in _STAGES.items():
        record = find_maker(stage, {name: axes[name] for name in names}, root)
        if record is None:
            log.warning("no known run made what %s has left here; `dvc repro -f -s` makes it again", stage)
        else:
            found[stage] = record
    return found


def lineage_tags(found: Mapping[str, Record], root: Path) -> dict[str, str]:
    """Tags of a registered model for its makers: MLflow run, digest of the record, commit, inputs.

    Runs that this MLflow lacks, as after a pull from a colleague, are logged first.
    """
    replay(root)
    opened = store.connect(root)
    tags: dict[str, str] = {}
    for stage, record in found.items():
        (run, *_) = opened.find(record=record.digest)
        tags |= {
            f"run.{stage}": str(run.info.run_id),
            f"record.{stage}": record.digest,
            f"commit.{stage}": record.commit or "none",
            **{f"{stage}.{name}": given.digest for name, given in record.inputs.items()},
        }
    return tags
