"""`eva verify`: check stored files against their digests."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from eva.counts import count
from eva.errors import InputError, raise_if


def verify(
    folder: Annotated[
        Path | None, typer.Argument(help="a folder that `eva export` wrote; only its files are compared")
    ] = None,
    base: Annotated[
        Path | None, typer.Option(help="folder of the base that an exported adapter needs, to compare too")
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="replace damaged objects of DVC by good copies")
    ] = False,
) -> None:
    """Compare all that is stored with its digest, or an exported folder with its manifest.

    DVC's cache and remote, trainings, answers, records and registered models. A remote is read where
    it is a folder. Good copies come from the remote, the cache or the workspace.
    """
    if folder is not None:
        _exported(folder, base, repair)
        return
    if base is not None:
        raise InputError(f"--base {base}: give the folder of an exported adapter, too")
    from eva.integrity.verification import verify as check

    root = Path.cwd()
    found = check(root, repair)
    lines, problems = _registered(root)
    for line in [*found.checked, *(f"repaired: {one}" for one in found.repaired), *found.notes, *lines]:
        print(line)
    raise_if([*found.problems, *problems], "eva verify")
    print("all stored files match their digests")


def _exported(folder: Path, base: Path | None, repair: bool) -> None:
    from eva.export.checking import check_export

    if repair:
        raise InputError(f"--repair: {folder} has no second copy; export the model again")
    print(f"{folder}: {check_export(folder, base)} files match their digests")


def _registered(root: Path) -> tuple[list[str], list[str]]:
    """What to say of the model registry, and what is wrong in it; nothing where none was made."""
    if find_spec("mlflow") is None:
        return [], []
    from eva.record import mlflow_store as store
    from eva.registry.stored_files import check_versions

    place = store.address(root)
    if place.startswith("sqlite:///") and not Path(place.removeprefix("sqlite:///")).is_file():
        return [], []
    found = check_versions(root)
    return [f"model registry: {count(found.versions, 'version')}", *found.notes], found.problems
