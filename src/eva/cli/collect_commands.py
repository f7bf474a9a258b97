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


Candidates = Annotated[Path, typer.Argument(help="folder with candidates.jsonl, e.g. data/candidates/ROW")]
Ranking = Annotated[
    Path, typer.Argument(help="ranked.jsonl, or the folder of a level classifier or of an endpoint")
]


@app.command("set")
def set_(
    candidates: Candidates,
    ranking: Ranking,
    out: Annotated[Path, typer.Option(help="folder to write")],
    prepared: Annotated[Path, typer.Option(help="folder of the stage prepare")] = Path(
        "data/prepared/esconv"
    ),
    answers: Annotated[
        Path, typer.Option(help="folder where a judge's answers are kept", envvar="EVA_ANSWERS")
    ] = Path(".eva/answers"),
) -> None:
    """Make a preference set of ranked candidates: EVAD.json, statistics, checks, card and metadata."""
    from eva.collection import curating
    from eva.collection.rankers import rank
    from eva.data.prepare import read_all

    splits = read_all(prepared)
    judged = rank(candidates, ranking, splits, answers)
    found = curating.assemble(judged.pairs, judged.left_out, splits)
    curating.write(out.name, found, judged.ranked, {**judged.about, "corpus": prepared.name}, out)
    for name, value in found.counts.items():
        print(f"{name}: {value:g}")
    recipe = "sampled" if judged.about["machine_made"] else "evad"
    copy = Path("data/sets") / f"{out.name}.json"
    print(f"written: {out}")
    print(f"next: `mkdir -p {copy.parent}; cp {out / curating.EVAD} {copy}; dvc add {copy}`, and then")
    print(f"`data.evad: {copy}` and `preferences.recipe: {recipe}`")


@app.command()
def agree(
    candidates: Candidates,
    one: Annotated[Path, typer.Argument(help="ranked.jsonl of one ranker, e.g. people")],
    other: Annotated[Path, typer.Argument(help="ranked.jsonl of another, e.g. of a set that a judge ranked")],
) -> None:
    """How far two rankings of one collection agree."""
    from eva.collection.accord import accord
    from eva.collection.rankers import read_collection
    from eva.data.candidates import read_ranked

    known = read_collection(candidates)
    rankings = [read_ranked(path, known) for path in (one, other)]
    found = accord(*rankings)
    print(f"{rankings[0][0].ranker} and {rankings[1][0].ranker}: {found.items} items that both keep")
    for name, (share, low, high) in (("same best", found.best), ("same worst", found.worst)):
        print(f"{name}: {share:.2f} (95 % interval {low:.2f} to {high:.2f}; by chance {found.chance:.2f})")
    print(f"Kendall's tau: {found.tau:.2f}")
