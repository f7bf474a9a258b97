"""`eva annotate`: give candidates to annotators, see how far they are, and turn answers into a ranking."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eva.cli.evaluate_settings import evaluate_settings
from eva.errors import InputError

if TYPE_CHECKING:
    from eva.annotation.round_key import Kind
    from eva.annotation.task_answers import Answer

app = typer.Typer(
    no_args_is_help=True, help="People rank candidates or label their levels: export, progress, import."
)
_Folder = Annotated[Path, typer.Argument(metavar="DIR", help="folder that `eva annotate export` wrote")]
_Filled = Annotated[
    list[Path] | None,
    typer.Argument(metavar="ANSWERS", help="files of answers; DIR/answers/*.json by default"),
]


@app.command()
def export(
    candidates: Annotated[Path, typer.Argument(metavar="CANDIDATES.jsonl", help="what to annotate")],
    out: Annotated[Path, typer.Option(help="new folder for the pages, the Label Studio project and the key")],
    kind: Annotated[
        str, typer.Option("--round", help="ranking (which candidate is best) or levels (of each candidate)")
    ] = "ranking",
    annotators: Annotated[int, typer.Option(min=1, max=999, help="how many people; each gets a page")] = 3,
    per_item: Annotated[
        int | None, typer.Option(min=1, help="annotators of each item; by default all")
    ] = None,
    repeats: Annotated[
        int | None,
        typer.Option(min=0, help="items that each annotator sees twice; by default 5 of 50 or more"),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="seed of assignments and orders")] = 0,
) -> None:
    """Write a page for each annotator and a Label Studio project.

    A page is one HTML file that works without a network: an introduction to
    the levels, then one conversation at a time, with its candidates in random
    order and without their levels. Annotators must not see key.json and
    candidates.jsonl.
    """
    from eva.annotation.assignment import Workload
    from eva.annotation.round_export import ANSWERS, LABEL_STUDIO, PAGES, plan_round, write_round
    from eva.annotation.round_key import CANDIDATES_FILE, KEY_FILE

    work = Workload(annotators, per_item or annotators, repeats, seed)
    made = plan_round(candidates, _kind(kind), work)
    write_round(made, candidates, out)
    sizes = sorted({len(tasks) for tasks in made.key.assignments.values()})
    each = f"{sizes[0]} to {sizes[-1]}" if len(sizes) > 1 else str(sizes[0])
    print(
        f"project {made.key.project}: {len(made.items)} items, {annotators} annotators with {each} tasks, "
        f"{per_item or annotators} for each item\n"
        f"for the annotators:     {out / PAGES} or {out / LABEL_STUDIO}\n"
        f"not for the annotators: {out / KEY_FILE}, {out / CANDIDATES_FILE}\n"
        f"their answers go into:  {out / ANSWERS}\n"
        f"then:                   eva annotate progress {out}; eva annotate import {out}"
    )


def _kind(name: str) -> "Kind":
    from eva.annotation.round_key import Kind

    if name not in list(Kind):
        raise InputError(f"--round {name}: no such round. Known: {', '.join(Kind)}.")
    return Kind(name)


@app.command()
def progress(folder: _Folder, filled: _Filled = None) -> None:
    """Say how many tasks each annotator has answered, and in what time."""
    from eva.annotation.gathering import read_answers
    from eva.annotation.round_key import Round
    from eva.cli.annotation_tables import progress_table

    made = Round.read(folder)
    answers = read_answers(made.key, _files(folder, filled), partial=True)
    print(progress_table(made, answers.given))


@app.command("import")
def import_(
    folder: _Folder,
    filled: _Filled = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="count what there is, though tasks are open or skipped")
    ] = False,
    most_against: Annotated[
        str, typer.Option(help="largest share of annotators against the majority of a case that is kept")
    ] = "5/12",
    without: Annotated[
        list[str] | None, typer.Option(metavar="ANNOTATOR", help="leave out this annotator's answers")
    ] = None,
    params: Annotated[
        Path | None, typer.Option(help="settings, section `evaluate`; params.yaml by default")
    ] = None,
) -> None:
    """Decide by majority, and measure agreement.

    Reads exports of the pages and of Label Studio; all problems of all files
    are listed at once. Writes DIR/ranked.jsonl (or DIR/levels.jsonl, which
    the level classifier reads) and DIR/agreement.json.
    """
    from eva.annotation.consensus import Consensus
    from eva.annotation.gathering import read_answers
    from eva.annotation.round_key import Round
    from eva.cli.annotation_tables import report_text

    share, settings, made = _share(most_against), evaluate_settings(params), Round.read(folder)
    answers = read_answers(made.key, _files(folder, filled), partial=partial)
    for line in answers.notes:
        typer.echo(f"note: {line}", err=True)
    for line in answers.open:
        typer.echo(f"open: {line}", err=True)
    left_out = sorted(set(without or []))
    reached = Consensus.of(made, _leave_out(answers.given, left_out), share, settings)
    print(report_text(reached))
    written = reached.write(folder, {"open": list(answers.open), "without": left_out})
    print(f"\nwritten: {', '.join(map(str, written))}")


def _files(folder: Path, filled: Sequence[Path] | None) -> list[Path]:
    from eva.annotation.round_export import ANSWERS

    return list(filled or sorted((folder / ANSWERS).glob("*.json")))


def _share(text: str) -> Fraction:
    try:
        share = Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise InputError(f"--most-against {text}: is no share; give one such as 5/12 or 0.4") from None
    if not 0 <= share < 1:
        raise InputError(f"--most-against {text}: give a share from 0 to below 1, such as 5/12")
    return share


def _leave_out(given: "Sequence[Answer]", names: Sequence[str]) -> "list[Answer]":
    known = sorted({answer.annotator for answer in given})
    if unknown := sorted(set(names) - set(known)):
        raise InputError(f"--without {', '.join(unknown)}: answered nothing. Who did: {', '.join(known)}.")
    left = [answer for answer in given if answer.annotator not in names]
    if not left:
        raise InputError("--without leaves nobody: somebody's answers have to count")
    return left
