"""Running a stage: its command line, settings, record and errors.

A stage is the function `main` of `pipelines/<stage>.py`. Its signature declares all that it reads:

    def main(run: "StageRun", sft: Sft, *, corpus: str, seed: int, prepared: Path, out: Path)

- the arguments after `run` are sections of `params.yaml`; only the keys declared in `dvc.yaml` can be read;
- keyword-only arguments are the command line: first the axes, which are joined to one word (`esconv-1`),
  then paths, each an option; those in `OUTPUTS` are written, the others are read.

Stages do not import this module or `eva.record`, so that a change of these does not train anything again.
"""

import argparse
import importlib
import inspect
import logging
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eva.compat.chatter import silence_libraries
from eva.devices import decisions
from eva.errors import InputError, ProcessError, storage_fault
from eva.loopback import bypass_proxy
from eva.record import stage_run
from eva.settings.params_file import read_settings
from pipelines import declared

OUTPUTS = ("out", "metrics", "plots", "provenance")
ROOT = Path(__file__).resolve().parents[1]

log = logging.getLogger("eva")


@dataclass(frozen=True)
class Stage:
    """A stage: its function, and what its signature declares."""

    name: str
    body: Callable[..., None]
    loaded_before: frozenset[str] = frozenset()

    @property
    def sections(self) -> list[str]:
        """The sections of `params.yaml` that it takes."""
        return [one.name for one in self._parameters(inspect.Parameter.POSITIONAL_OR_KEYWORD)[1:]]

    @property
    def axes(self) -> dict[str, type]:
        """The axes that name an item, in order, with their types; none for a stage that runs once."""
        return {name: kind for name, kind in self._options().items() if kind is not Path}

    @property
    def paths(self) -> list[str]:
        """The names of the paths that it reads and writes."""
        return [name for name, kind in self._options().items() if kind is Path]

    def _options(self) -> dict[str, type]:
        return {one.name: one.annotation for one in self._parameters(inspect.Parameter.KEYWORD_ONLY)}

    def _parameters(self, kind: Any) -> list[inspect.Parameter]:
        return [one for one in inspect.signature(self.body).parameters.values() if one.kind is kind]


def load(name: str) -> Stage:
    """The stage of that name; `InputError` if there is none."""
    if name not in names():
        raise InputError(f"no stage {name!r}; the stages are {', '.join(names())}")
    before = frozenset(sys.modules)
    return Stage(name, importlib.import_module(f"pipelines.{name}").main, before)


def names() -> list[str]:
    """The names of all stages, each of which has a folder in `pipelines/code`."""
    return sorted(path.name for path in (ROOT / "pipelines" / "code").iterdir())


def main(words: Sequence[str]) -> int:
    """Run one stage; returns the exit code, 2 if the input is wrong, 1 if a process failed."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    silence_libraries()
    bypass_proxy()
    name = words[0] if words and not words[0].startswith("-") else ""
    try:
        run(load(name), words[1:])
    except (InputError, FileNotFoundError) as error:
        log.error("%s failed: %s", name or "python -m pipelines", error)
        return 2
    except ProcessError as error:
        log.error("%s failed: %s", name, error)
        return 1
    except OSError as error:
        if (fault := storage_fault(error)) is None:
            raise
        log.error("%s failed: %s", name, fault)
        return 2
    return 0


def run(stage: Stage, words: Sequence[str]) -> None:
    """Run a stage in the current folder with the arguments `words` of its command line."""
    root = Path.cwd()
    axes, paths = parse(stage, words)
    item = {name: str(value) for name, value in axes.items()}
    settings = read_settings(root / "params.yaml")
    keys = declared.declared_keys(stage.name, item, ROOT / "dvc.yaml", settings)
    sections = [declared.section(settings, name, stage.name, keys) for name in stage.sections]
    inputs = {name: path for name, path in paths.items() if name not in OUTPUTS}
    _require(inputs)
    started = time.perf_counter()
    log.info("%s %s", stage.name, "/".join(item.values()))
    obeyed = declared.recorded(settings, keys)
    with stage_run(stage.name, item, obeyed, inputs, root=root, tracking=settings.tracking) as record:
        stage.body(record, *sections, **axes, **paths)
        record.log_outputs({name: path for name, path in paths.items() if name in OUTPUTS})
        record.log_precision(decisions())
        _require_links(stage)
    log.info("%s done in %.1f s", stage.name, time.perf_counter() - started)


def parse(stage: Stage, words: Sequence[str]) -> tuple[dict[str, Any], dict[str, Path]]:
    """The axis values and paths of a command line; exits with a usage message if one is wrong."""
    about = inspect.getdoc(stage.body)
    parser = argparse.ArgumentParser(prog=f"python -m pipelines {stage.name}", description=about)
    if stage.axes:
        parser.add_argument("item", help=f"{'-'.join(stage.axes)}, as in `dvc repro {stage.name}@ITEM`")
    for name in stage.paths:
        parser.add_argument(f"--{name.replace('_', '-')}", type=Path, required=True)
    given = vars(parser.parse_args(list(words)))
    values = given.pop("item").split("-") if stage.axes else []
    if len(values) != len(stage.axes):
        parser.error(f"item {'-'.join(values)!r} must have the form {'-'.join(stage.axes)}")
    try:
        return {name: kind(v) for (name, kind), v in zip(stage.axes.items(), values, strict=True)}, given
    except ValueError as error:
        parser.error(f"item {'-'.join(values)!r}: {error}")


def _require(inputs: dict[str, Path]) -> None:
    missing = [f"--{key.replace('_', '-')} {path}" for key, path in inputs.items() if not path.exists()]
    if missing:
        raise InputError(
            f"no such file or folder: {', '.join(missing)}; `dvc repro` creates the outputs of stages, "
            "`eva data import DIR` or `eva data fetch` get corpora"
        )


def _require_links(stage: Stage) -> None:
    """Refuse a result that used code which is not linked: DVC would not notice its next change."""
    linked = {path.resolve() for path in (ROOT / "pipelines" / "code" / stage.name).iterdir()}
    ours = {name: module for name, module in sys.modules.items() if name.startswith(("eva.", "pipelines."))}
    files = {name: module.__file__ for name, module in ours.items() if name not in stage.loaded_before}
    missing = sorted(name for name, file in files.items() if file and Path(file).resolve() not in linked)
    if missing:
        raise InputError(
            f"stage {stage.name} used code to which pipelines/code/{stage.name} has no link: "
            f"{', '.join(missing)}; run `make deps`, then `dvc repro` again"
        )
