"""`eva store`: what checkpoints, half-finished responses and paid answers take, and making room."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from eva.storage.inventory import Stored

app = typer.Typer(no_args_is_help=True, help="Checkpoints, half-finished responses and paid answers on disk.")

PARAMS = Path("params.yaml")
_GB = 1e9


@app.command("list")
def list_stored() -> None:
    """Say what the stores hold, how large it is, and why it stays or can go."""
    found, _ = _inventory()
    print(_lines(found) or "the stores are empty")
    print(f"{_size(sum(one.size for one in found))} in all")


@app.command()
def prune(
    yes: Annotated[bool, typer.Option("--yes", help="delete; without it nothing is deleted")] = False,
    answers: Annotated[bool, typer.Option(help="also paid answers of models not in `backbones`")] = False,
    keep: Annotated[
        float | None, typer.Option(min=0, help="GB that the stores may keep; the longest unused goes first")
    ] = None,
) -> None:
    """Free what neither the current settings nor a running stage need; says first what that is."""
    from eva.storage.pruning import free, freeable

    found, cache = _inventory()
    chosen = freeable(found, answers, None if keep is None else int(keep * _GB))
    if not chosen:
        print(f"nothing to free; {len(found)} things are kept, `eva store list` says why")
        return
    print(_lines(chosen))
    if not yes:
        size = _size(sum(one.size for one in chosen))
        print(f"nothing is deleted yet: `eva store prune --yes` frees these {size}")
        return
    print(f"freed {_size(sum(free(one, cache) for one in chosen))}")


def _inventory() -> "tuple[list[Stored], Path | None]":
    from eva.compat.dvc_cache import cache_folder
    from eva.record.checkout import answer_store, checkpoint_store
    from eva.settings.params_file import read_settings
    from eva.storage.inventory import inventory
    from eva.storage.needed import Current

    root = Path.cwd()
    current = Current(read_settings(PARAMS))
    cache = cache_folder(root)
    return inventory(checkpoint_store(root), answer_store(root), current, cache), cache


def _lines(found: "Iterable[Stored]") -> str:
    return "\n".join(
        f"{_size(one.size):>10}  {one.kind:9}  {one.path.name}: {one.about}"
        f"{f' [stays: {one.kept}]' if one.kept else ' [can be freed]'}"
        for one in found
    )


def _size(count: int) -> str:
    return f"{count / _GB:.1f} GB" if count >= _GB else f"{count / 1e6:.1f} MB"
