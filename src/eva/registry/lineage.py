"""Lineage of a model: the runs that produced the registered files and their inputs, found by digest."""

import logging
from collections.abc import Mapping
from pathlib import Path

from eva.record import Record, find_maker
from eva.record import mlflow_store as store
from eva.record.replay import replay

log = logging.getLogger(__name__)

_ITEM = ("corpus", "backbone", "seed", "variant")
# The stages that a model and its metrics come from, in order, and the axes of each.
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
    """Stage -> the run that produced the present outputs of that stage, for all stages of one item.

    A stage whose run is unknown is left out with a warning: its outputs were changed by hand, or came
    without their record.
    """
    found = {}
    for stage, names in _STAGES.items():
        record = find_maker(stage, {name: axes[name] for name in names}, root)
        if record is None:
            log.warning(
                "the run that produced the outputs of %s is unknown; `dvc repro -f -s` repeats it", stage
            )
        else:
            found[stage] = record
    return found


def lineage_tags(found: Mapping[str, Record], root: Path) -> dict[str, str]:
    """Tags of a registered model for these runs: MLflow run id, record digest, commit, input digests.

    Runs that are not in this MLflow store, e.g. after a pull from a colleague, are logged first.
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
