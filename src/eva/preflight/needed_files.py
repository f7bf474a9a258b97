"""Checks that the files and folders that the settings name exist.

DVC needs all of them, even if no stage reads them.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from eva.data.epitome import MECHANISM_FILES
from eva.errors import InputError
from eva.preflight.refusals import refusals
from eva.safety.labelled_messages import read_labelled, require_both
from eva.safety.paired_replies import read_items
from eva.settings.capability_section import Capability
from eva.settings.corpora_section import Corpus
from eva.settings.curate_section import Curation
from eva.settings.data_section import Data
from eva.settings.epitome_section import Epitome
from eva.settings.safety_section import Safety

_GET = "get it with `eva data fetch`, `eva data import DIR` or `dvc pull`, or correct the path"


def corpus_problem(name: str, row: Corpus, error: InputError) -> Iterator[str]:
    """A message that a corpus cannot be read, with the reasons from its loader."""
    key = f"corpora.{name}.path"
    if not row.path.is_dir():
        yield f"`{key}` is {row.path}: no such folder; {_GET}"
        return
    told = "; ".join(problem.removeprefix(f"{row.path}: ") for problem in error.problems[:3])
    yield f"`{key}` is {row.path}, which cannot be read in the format {row.format}: {told}"


def _data(data: Data, curate: Mapping[str, Curation]) -> Iterator[str]:
    for name, path in (("evad", data.evad), ("levels", data.levels)):
        if not path.is_file() and path not in _sets(curate):
            yield f"`data.{name}` is {path}: no such file; {_GET}"
    if data.evad in (sets := _sets(curate)):  # `validate` reads it, and `collect` waits for `validate`
        copy = f"data/sets/{sets[data.evad]}.json"
        yield (
            f"`data.evad` is {data.evad}, which `curate` makes of what is collected after `validate` has "
            "read `data.evad`; when it is made, copy it "
            f"(`mkdir -p data/sets; cp {data.evad} {copy}; dvc add {copy}`) and name the copy"
        )


def _sets(curate: Mapping[str, Curation]) -> dict[Path, str]:
    """The rows of `curate` by the file that the stage makes of each."""
    return {Path("data/curated") / name / "EVAD.json": name for name in curate}


def _epitome(data: Data, epitome: Epitome) -> Iterator[str]:
    absent = [MECHANISM_FILES[one] for one in epitome.mechanisms]
    absent = [name for name in absent if not (data.epitome / name).is_file()]
    if absent:
        yield f"`data.epitome` is {data.epitome}, which has no {', '.join(absent)}; {_GET}"


def _tasks(capability: Capability) -> Iterator[str]:
    if not capability.task_path.is_dir():
        yield (
            f"`capability.task_path` is {capability.task_path}: no such folder; create it (it may be empty), "
            "because DVC needs it"
        )


def _safety_sets(safety: Safety) -> Iterator[str]:
    def read() -> None:
        require_both(read_labelled(safety.messages), safety.messages)

    yield from refusals("safety.messages", safety.messages, read)
    yield from refusals("safety.replies", safety.replies, lambda: read_items(safety.replies))


FILE_CHECKS = (_data, _epitome, _tasks, _safety_sets)
