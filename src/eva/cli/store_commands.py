"""`eva store`: list checkpoints, unfinished generations and endpoint responses, and free disk space."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from eva.storage.inventory import Stored

app = typer.Typer(
    no_args_is_help=True, help="Checkpoints, unfinished generations and endpoint responses on disk."
)

PARAMS = Path("params.yaml")
_GB = 1e9


@app.command("list")
def list_stored() -> None:
    """List the entries of the stores, their size, and whether they can be deleted."""
    found, _ = _inventory()
    print(_lines(found) or "the stores are empty")
    print(f"{_size(sum(one.size for one in found))} in all")


@app.command()
def prune(
    yes: Annotated[bool, typer.Option("--yes", help="delete; without it, only list")] = False,
    answers: Annotated[
        bool, typer.Option(help="also delete endpoint responses of models not in `backbones`")
    ] = False,
    keep: Annotated[
        float | None,
        typer.Option(min=0, help="delete the longest unused until the stores hold at most this many GB"),
    ] = None,
) -> None:
    """Delete what neither the current settings nor a running stage needs; without --yes, only list it."""
    from eva.storage.pruning import free, freeable

    found, cache = _inventory()
    chosen = freeable(found, answers, None if keep is None else int(keep * _GB))
    if not chosen:
        print(f"nothing to free; {len(found)} entries are kept, `eva store list` says why")
        return
    print(_lines(chosen))
    if not yes:
        size = _size(sum(one.size for one in chosen))
        print(f"nothing was deleted: `eva store prune --yes` frees these {size}")
        return
    print(f"freed {_size(sum(free(one, cache) for one in chosen))}")


def _inventory() -> "tuple[list[Stored], Path | None]":
    from eva.compat.dvc_cache import cache_folder
    from eva.record.checkout import answer_store, checkpoint_store
    from eva.settings.params_file import read_settings
    from eva.storage.half_written import half_written
    from eva.storage.inventory import inventory
    from eva.storage.needed import Current

    root = Path.cwd()
    current = Current(read_settings(PARAMS))
    cache = cache_folder(root)
    stores = checkpoint_store(root), answer_store(root)
    return [*inventory(*stores, current, cache), *half_written(root, stores, cache)], cache


def _lines(found: "Iterable[Stored]") -> str:
    return "\n".join(
        f"{_size(one.size):>10}  {one.kind:9}  {one.path.name}: {one.about}"
        f"{f' [stays: {one.kept}]' if one.kept else ' [can be freed]'}"
        for one in found
    )


def _size(count: int) -> str:
    return f"{count / _GB:.1f} GB" if count >= _GB else f"{count / 1e6:.1f} MB"
