"""Lineage of a model: the runs that produced its files and their inputs, found by digest."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from eva.errors import raise_if
from eva.record import Record, find_maker
from eva.record import mlflow_store as store
from eva.record.replay import replay

_ITEM = ("corpus", "backbone", "seed", "variant")
# The stages that a model, its guard, its metrics and its package come from, in order, and the axes of each.
STAGES: dict[str, tuple[str, ...]] = {
    "prepare": ("corpus",),
    "backbone": ("backbone",),
    "preferences": ("backbone",),
    "sft": _ITEM,
    "dpo": _ITEM,
    "level_classifier": (),
    "generate": _ITEM,
    "evaluate": _ITEM,
    "crisis_detector": (),
    "register": (),
}


def makers(axes: Mapping[str, str], root: Path) -> dict[str, Record]:
    """Stage -> the run that produced the present outputs of that stage, for all stages of one item.

    Raises:
        InputError: no recorded run made the outputs of a stage, or a stage read other data than the stage
            before it has written: something was changed by hand.
    """
    items = {stage: {name: axes[name] for name in names} for stage, names in STAGES.items()}
    found = {stage: find_maker(stage, item, root) for stage, item in items.items()}
    raise_if(
        (
            f"no recorded run made the outputs of {stage}: they were changed by hand, or came without "
            f"their record; `dvc checkout` restores them, `dvc repro -f -s` makes them again"
            for stage, record in found.items()
            if record is None
        ),
        "the lineage of this model is broken, so it cannot be registered",
    )
    known = {stage: record for stage, record in found.items() if record is not None}
    raise_if(_breaks(known), "the lineage of this model is broken, so it cannot be registered")
    return known


def _breaks(found: Mapping[str, Record]) -> Iterator[str]:
    """Where a stage read other content than what the stage before it has written."""
    made = {
        out.path: (stage, out.digest) for stage, record in found.items() for out in record.outputs.values()
    }
    for stage, record in found.items():
        for given in record.inputs.values():
            maker, digest = made.get(given.path, ("", given.digest))
            if digest != given.digest:
                yield (
                    f"{stage} read another {given.path} than {maker} has written: `dvc repro {stage}` makes "
                    "it again from what is there now"
                )


def uncommitted(found: Mapping[str, Record]) -> list[str]:
    """The stages whose code or settings were in no commit when they ran."""
    return [stage for stage, record in found.items() if record.dirty or record.commit is None]


def lineage(found: Mapping[str, Record], root: Path) -> dict[str, dict[str, Any]]:
    """Stage -> MLflow run id, digest of the record, commit, and the digests of what it read.

    Runs that are not in this MLflow store, e.g. after a pull from a colleague, are logged first.
    """
    replay(root)
    opened = store.connect(root)
    told: dict[str, dict[str, Any]] = {}
    for stage, record in found.items():
        (run, *_) = opened.find(record=record.digest)
        told[stage] = {
            "run": str(run.info.run_id),
            "record": record.digest,
            "commit": record.commit,
            "uncommitted_changes": record.dirty,
            "inputs": {given.path: given.digest for given in record.inputs.values()},
        }
    return told
