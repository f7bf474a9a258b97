"""The code files that each stage depends on; `python -m pipelines.dependencies` writes links to them.

`pipelines/code/<stage>/` holds a symbolic link to every file that the stage's module imports, directly or
through other modules, also inside functions. The stage depends on this one folder in `dvc.yaml`, so DVC
runs it again if one of these files changes, and only then. DVC follows the links. (A list of files per
stage would be ten times as long as the rest of `dvc.yaml`, and DVC cannot take a list from a variable.)
"""

import os
import sys
from collections.abc import Iterable
from pathlib import Path

import grimp
import yaml

ROOT = Path(__file__).resolve().parents[1]
CODE = ROOT / "pipelines" / "code"
_ROOTS = {"eva": ROOT / "src", "pipelines": ROOT}


def stages(root: Path = ROOT) -> list[str]:
    """The names of the stages in `dvc.yaml`."""
    return list(yaml.safe_load((root / "dvc.yaml").read_text(encoding="utf-8"))["stages"])


def import_graph() -> grimp.ImportGraph:
    """The import graph of `eva` and `pipelines`, without imports that are only for the type checker."""
    return grimp.build_graph(*_ROOTS, cache_dir=None, exclude_type_checking_imports=True)


def reached(graph: grimp.ImportGraph, module: str) -> set[Path]:
    """The files that are loaded with `module`, and data files that these read.

    Left out are `eva/__init__.py` and `pipelines/__init__.py`, which hold only a docstring and the
    version, so that a new release does not train everything again.
    """
    found: set[str] = set()
    waiting = {module}
    while waiting:
        found |= waiting
        imported = set().union(*(graph.find_modules_directly_imported_by(name) for name in waiting))
        waiting = (imported | _packages(waiting)) - found - set(_ROOTS)
    files = {_source(name) for name in found}
    return files | {data for file in files for data in _data_files(file)}


def _packages(modules: Iterable[str]) -> set[str]:
    """The packages of the modules, whose `__init__.py` is loaded with them."""
    return {name.rpartition(".")[0] for name in modules} - {""}


def _source(module: str) -> Path:
    base = _ROOTS[module.partition(".")[0]].joinpath(*module.split("."))
    return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")


def _data_files(source: Path) -> set[Path]:
    """Files in the folder of a module whose names occur in it: page templates, stylesheets, tables."""
    text = source.read_text(encoding="utf-8")
    beside = (path for path in source.parent.iterdir() if path.is_file() and path.suffix != ".py")
    return {path for path in beside if f'"{path.name}"' in text}


def links(stage: str, graph: grimp.ImportGraph) -> dict[str, Path]:
    """The links that `pipelines/code/<stage>` should hold: name -> target."""
    files = (path.relative_to(ROOT) for path in reached(graph, f"pipelines.{stage}"))
    return {".".join(path.parts).removeprefix("src."): path for path in files}


def linked(stage: str) -> dict[str, Path]:
    """The links that `pipelines/code/<stage>` holds: name -> target; an ordinary file is its own target."""
    folder = CODE / stage
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return {path.name: _target(path) for path in found}


def _target(path: Path) -> Path:
    leads = os.path.normpath(path.parent / path.readlink()) if path.is_symlink() else path
    return Path(leads).relative_to(ROOT)


def write(stage: str, wanted: dict[str, Path]) -> list[str]:
    """Make the stage's folder hold exactly these links; returns one line for each change."""
    folder, present = CODE / stage, linked(stage)
    folder.mkdir(parents=True, exist_ok=True)
    gone = [name for name in present if present[name] != wanted.get(name)]
    for name in gone:
        (folder / name).unlink()
    new = [name for name in wanted if not (folder / name).is_symlink()]
    for name in new:
        (folder / name).symlink_to(Path("../../..") / wanted[name])
    return [f"{stage}: - {name}" for name in gone] + [f"{stage}: + {name}" for name in new]


def main() -> None:
    """Write the links of every stage, and print what changed."""
    graph = import_graph()
    changes = [line for stage in stages() for line in write(stage, links(stage, graph))]
    for folder in sorted(path for path in CODE.iterdir() if path.name not in stages()):
        changes += write(folder.name, {})
        folder.rmdir()
    sys.stdout.write("".join(f"{line}\n" for line in changes) or "every stage's list is up to date\n")


if __name__ == "__main__":
    main()
