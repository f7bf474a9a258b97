"""Python modules of the user's own, outside this package: corpora, metrics and estimators that EVA lacks.

A module registers what it holds by the decorators that EVA's own modules use (`eva.data.formats`,
`eva.metrics.catalogue`, `eva.statistics.estimators`), so that importing it is all that there is to do.
"""

import importlib
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from eva.artifacts import digest_path
from eva.errors import InputError, raise_if


def load_plugins(folder: Path) -> Mapping[str, str]:
    """Import every module of a folder, in the order of their names.

    A file or package whose name begins with `_` is left to the modules that import it.

    Returns:
        The names of all modules, those that begin with `_` too, each with the sha256 of its file or package.

    Raises:
        InputError: there is no such folder, or modules that cannot be imported, each with why and where.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder for plugins; it may be empty, but has to be there")
    place = folder.resolve()
    modules = dict(_modules(place))
    with _importable(place):
        found = {name: _fault(name, path, place) for name, path in modules.items()}
    raise_if((f"{modules[name].name}: {fault}" for name, fault in found.items() if fault), folder)
    return {path.stem: digest_path(path) for path in _importable_files(place)}


def _modules(place: Path) -> Iterator[tuple[str, Path]]:
    """Modules by name; of a package, its folder."""
    return ((path.stem, path) for path in _importable_files(place) if not path.stem.startswith("_"))


def _importable_files(place: Path) -> Iterator[Path]:
    for path in sorted(place.iterdir()):
        if not path.stem.startswith(".") and (path.suffix == ".py" or (path / "__init__.py").is_file()):
            yield path


@contextmanager
def _importable(place: Path) -> Iterator[None]:
    """Let Python find modules in `place` (later too: a function may import), and write no file there.

    DVC counts every file of the folder, so a `__pycache__` would make stages run again. The folder
    stands last in Python's search, so that a plugin never takes the place of a library's module.
    """
    if str(place) not in sys.path:
        sys.path.append(str(place))
    importlib.invalidate_caches()
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before


def _fault(name: str, path: Path, place: Path) -> str | None:
    """Import a module; why that cannot be, or None."""
    try:
        module = importlib.import_module(name)
    except Exception as error:  # whatever a user's module raises is the user's to mend
        return f"{_line(error, place)}{type(error).__name__}: {error}"
    file = path if path.is_file() else path / "__init__.py"
    if Path(module.__file__ or "").resolve() != file:
        return f"Python has another module {name} ({module.__file__ or 'built in'}); give it another name"
    return None


def _line(error: Exception, place: Path) -> str:
    """The last line of a plugin that an error went through."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame for frame in frames if Path(frame.filename).is_relative_to(place)]
    return f"{Path(lines[-1].filename).name}, line {lines[-1].lineno}: " if lines else ""
