"""Import of corpora from a local folder into the folder of raw corpora, and tracking them with DVC."""

import logging
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from eva.artifacts import new_folder
from eva.data.empathetic_dialogues import load_empathetic_dialogues
from eva.data.epitome import MECHANISM_FILES, load_epitome
from eva.data.esconv import load_esconv, load_failed_esconv
from eva.data.evad import load_evad
from eva.errors import InputError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RawCorpus:
    """How a corpus is recognised (`markers`), which files are copied, and how they are checked."""

    markers: tuple[str, ...]
    files: tuple[str, ...]
    check: Callable[[Path], None]


@dataclass(frozen=True)
class Found:
    """The files of one corpus that were found in the folder to import."""

    name: str
    folder: Path
    files: tuple[Path, ...]


def _check_esconv(folder: Path) -> None:
    if (folder / "FailedESConv.json").is_file():
        load_failed_esconv(folder)
    load_esconv(folder)


def _check_dialogues(folder: Path) -> None:
    load_empathetic_dialogues(folder)


def _check_epitome(folder: Path) -> None:
    for mechanism in MECHANISM_FILES:
        load_epitome(folder, mechanism)


def _check_evad(folder: Path) -> None:
    for path in sorted(folder.glob("EVAD*.json")):
        load_evad(path)


_RELEASED = ("train.txt", "valid.txt", "test.txt")
_ED = ("train.csv", "valid.csv", "test.csv")
_EPITOME = tuple(MECHANISM_FILES.values())
RAW_CORPORA: Mapping[str, RawCorpus] = {
    "esconv": RawCorpus(
        ("ESConv.json", *_RELEASED),
        ("ESConv.json", "FailedESConv.json", "splits.json", *_RELEASED),
        _check_esconv,
    ),
    "empathetic_dialogues": RawCorpus(_ED, _ED, _check_dialogues),
    "epitome": RawCorpus(_EPITOME, _EPITOME, _check_epitome),
    "evad": RawCorpus(("EVAD*.json",), ("EVAD*.json",), _check_evad),
}


def import_corpora(source: Path, raw_dir: Path) -> list[Path]:
    """Copy every corpus found in `source` to `raw_dir/<corpus>/`; returns the folders written.

    A corpus is looked for in `source/<corpus>/` and in `source` itself. Nothing is written unless all of
    them can be loaded; each folder is then written atomically.

    Raises:
        InputError: no such folder, no corpus in it, or files that cannot be loaded; all are listed.
    """
    if not source.is_dir():
        raise InputError(f"{source}: no such folder to import corpora from")
    if source.resolve() == raw_dir.resolve():
        raise InputError(
            f"{source}: this is the folder of the raw corpora itself; give the folder to copy from"
        )
    found = [corpus for name, raw in RAW_CORPORA.items() if (corpus := _find(source, name, raw))]
    if not found:
        wanted = "; ".join(f"{name}: {', '.join(raw.markers)}" for name, raw in RAW_CORPORA.items())
        raise InputError(f"{source}: no corpus found, neither here nor in a subfolder of its name ({wanted})")
    _check_all(found)
    for name in RAW_CORPORA.keys() - {corpus.name for corpus in found}:
        log.info("%s: no files of %s; that corpus is not changed", source, name)
    return [_copy(corpus, raw_dir / corpus.name) for corpus in found]


def add_to_dvc(paths: Sequence[Path]) -> None:
    """Put each path under DVC (`dvc add`), run beside them so that DVC finds their repository.

    DVC 3.67 says that it could not store a file of a folder, as on a full disk, and exits with 0.
    """
    resolved = [path.resolve() for path in paths]
    command = [sys.executable, "-m", "dvc", "add", *map(str, resolved)]
    done = subprocess.run(command, cwd=resolved[0].parent, capture_output=True, text=True, check=False)
    faults = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
    if done.returncode != 0 or faults:
        names = ", ".join(str(path) for path in paths)
        raise InputError(
            f"`dvc add` of {names} failed: the files are in place, but DVC's cache (`dvc cache dir`) lacks "
            "some; mend that, then run this again:\n" + ("\n".join(faults) or done.stderr.strip())
        )


def _find(source: Path, name: str, raw: RawCorpus) -> Found | None:
    for folder in (source / name, source):
        if any(any(folder.glob(marker)) for marker in raw.markers):
            files = tuple(sorted(path for pattern in raw.files for path in folder.glob(pattern)))
            return Found(name, folder, files)
    return None


def _check_all(found: list[Found]) -> None:
    problems = []
    for corpus in found:
        try:
            RAW_CORPORA[corpus.name].check(corpus.folder)
        except InputError as error:
            problems.append(str(error))
    if problems:
        raise InputError("\n".join([*problems, "Nothing was imported."]))


def _copy(corpus: Found, target: Path) -> Path:
    with new_folder(target) as folder:
        for path in corpus.files:
            shutil.copyfile(path, folder / path.name)
    log.info("%s: %d files from %s", target, len(corpus.files), corpus.folder)
    return target
