"""`eva collect`: make preference pairs of one's own without DVC."""

from pathlib import Path
from typing import Annotated

import typer

from eva.errors import InputError
from eva.settings.params_file import read_settings

app = typer.Typer(no_args_is_help=True, help="Make preference pairs of your own (docs/collection.md).")

Row = Annotated[str, typer.Argument(help="row of `collect` in params.yaml")]


@app.command()
def candidates(
    row: Row,
    prepared: Annotated[
        Path | None, typer.Option(help="folder of the stage prepare [data/prepared/CORPUS]")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="folder to write [data/candidates/ROW]")] = None,
    answers: Annotated[
        Path, typer.Option(help="folder where responses of an endpoint are kept", envvar="EVA_ANSWERS")
    ] = Path(".eva/answers"),
    store: Annotated[
        Path, typer.Option(help="folder to resume a local model from", envvar="EVA_CHECKPOINTS")
    ] = Path(".eva/checkpoints"),
) -> None:
    """Collect several possible responses to supporter turns, for people or a machine to rank.

    An interrupted collection continues with the same command, and no request is paid for twice.
    """
    from eva.collection import collecting
    from eva.data.prepare import read_split

    settings = read_settings(Path("params.yaml"))
    if row not in settings.collect:
        known = ", ".join(settings.collect) or "none"
        raise InputError(f"{row!r} is not a row of `collect` in params.yaml. Known: {known}")
    chosen = settings.collect[row]
    folder = prepared or Path("data/prepared") / chosen.corpus
    splits = {split: read_split(folder, split) for split in ("train", "valid")}
    turns = collecting.chosen_turns(chosen, splits)
    found = collecting.collect(chosen, turns, chosen.model, settings.generate, answers, store)
    target = out or Path("data/candidates") / row
    collecting.write(found, target)
    for name, value in found.counts.items():
        print(f"{name}: {value:g}")
    print(f"written: {target}")
