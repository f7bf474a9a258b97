"""Verification of all stored files of a checkout against the digests taken when they were written."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from eva.compat.dvc_repo import Objects, Output, read_objects
from eva.counts import count
from eva.errors import InputError
from eva.generation.answers import damaged_answers
from eva.integrity.dvc_objects import (
    Damaged,
    below,
    find_damaged,
    linked,
    repair,
    stored_objects,
    unstored,
    uses_of,
)
from eva.manifest import file_fault, folder_fault, read_manifest
from eva.record.checkout import answer_store, checkpoint_store, main_checkout
from eva.record.records import read_record


@dataclass
class Verified:
    """What was checked (one line for each store), the problems found, those repaired, and notes."""

    checked: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def verify(root: Path, mend: bool = False) -> Verified:
    """Check DVC's cache and remote folder, trainings, endpoint responses and records of the checkout `root`.

    With `mend`, damaged objects of DVC are replaced by a good copy, if there is one.
    """
    found, objects = Verified(), read_objects(root)
    if objects:
        _check_objects(found, objects, root, mend)
    else:
        found.notes.append(f"{root}: no DVC repository, so no cache to check")
    trainings = checkpoint_store(root)
    _collect(found, "trainings", trainings, _faulty_trainings(trainings, objects))
    _collect(found, "paid answers", answer_store(root), damaged_answers(answer_store(root)))
    history = main_checkout(root) / "runs" / "history"
    _collect(found, "records", history, _faulty_records(history))
    return found


def _check_objects(found: Verified, objects: Objects, root: Path, mend: bool) -> None:
    places = {"DVC cache": objects.cache, "DVC remote": objects.remote}
    stored = {name: stored_objects(place) for name, place in places.items() if place}
    size = sum(path.stat().st_size for paths in stored.values() for path in paths)
    damaged: list[Damaged] = []
    with tqdm(total=size, desc="verify", unit="B", unit_scale=True, disable=not sys.stderr.isatty()) as bar:
        for name, paths in stored.items():
            damaged += find_damaged(paths, uses_of(objects), bar.update)
            total = sum(path.stat().st_size for path in paths)
            found.checked.append(f"{name}: {count(len(paths), 'object')}, {total / 1e9:.2f} GB")
    for one in damaged:
        if mend and repair(one, objects, root):
            found.repaired.append(f"{one.described(root)}; a good copy was put in its place")
        else:
            found.problems.append(one.described(root))
    lacking = unstored(objects, (path for paths in stored.values() for path in paths))
    found.problems += (
        _unstored(stage, lacking, root) for stage in dict.fromkeys(one.stage for one in lacking)
    )
    if objects.address and not objects.remote:
        found.notes.append(
            f"{objects.address}: this remote is not a folder, so it was not checked; use `dvc status --cloud`"
        )
    if shared := linked(stored["DVC cache"]):
        found.notes.append(
            f"{len(shared)} objects of the cache are hard links to other files, so an edit of such a file "
            "changes the cache: `dvc checkout --relink` separates them"
        )


def _unstored(stage: str, lacking: Sequence[Output], root: Path) -> str:
    paths = ", ".join(str(below(one.path, root)) for one in lacking if one.stage == stage)
    return (
        f"{paths}: in the workspace only, not in DVC's cache, so the next `dvc repro` would make it again; "
        f"make room, then `dvc commit {stage}`"
    )


def _collect(found: Verified, what: str, folder: Path, faults: Iterator[str]) -> None:
    if folder.is_dir():
        found.problems += faults
        found.checked.append(f"{what}: {folder}")


def _faulty_trainings(store: Path, objects: Objects | None) -> Iterator[str]:
    """A message for each file of a finished training or checkpoint that differs from its manifest.

    Folders without a manifest were not written completely; they are never resumed or reused.
    """
    for folder in sorted(path for path in store.glob("*") if path.is_dir()):
        for name, entry in (read_manifest(folder) or {}).items():
            path = folder / name
            if objects and not path.is_file():  # DVC holds it
                path = objects.cached(entry["md5"])
            if fault := file_fault(path, entry):
                yield f"training {folder}: {name}: {fault}; delete the folder to train it again"
        for checkpoint in sorted(folder.glob("trainer/checkpoint-*")):
            if read_manifest(checkpoint) and (fault := folder_fault(checkpoint)):
                yield f"checkpoint {checkpoint}: {fault}; training will resume from an earlier one"


def _faulty_records(history: Path) -> Iterator[str]:
    for path in sorted(history.glob("*.json")):
        try:
            record = read_record(path)
        except InputError as error:
            yield str(error)
            continue
        if record.digest not in path.name:
            yield f"{path}: it was changed after it was written: the digest in its name does not match"
