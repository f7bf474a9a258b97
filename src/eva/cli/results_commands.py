"""`eva report`: show the results."""

from pathlib import Path
from typing import Annotated

import typer

from eva.artifacts import read_json, write_text
from eva.errors import InputError
from eva.plain_text import read_text


def report(
    folder: Annotated[Path, typer.Argument(help="folder written by the stage `report`")] = Path("report"),
    markdown: Annotated[
        Path | None,
        typer.Option(help="also write the results as Markdown, e.g. to docs/results/laptop.md"),
    ] = None,
    latex: Annotated[
        Path | None, typer.Option(help="write the comparison here as LaTeX (booktabs, amssymb)")
    ] = None,
) -> None:
    """Print the comparison table and the path of the HTML report."""
    from eva.record.replay import settle_pending

    table = folder / "comparison.txt"
    if not table.is_file():
        raise InputError(f"{table}: no such file; `dvc repro report` writes it")
    if markdown is not None:
        from eva.report.markdown import markdown as as_markdown

        write_text(markdown, as_markdown(read_json(folder / "report.json")))
    if latex is not None:
        from eva.report.latex import latex as as_latex

        write_text(latex, as_latex(read_json(folder / "report.json")))
    print(read_text(table))
    settle_pending(Path.cwd())
    print(f"page (opens offline): {(folder / 'index.html').absolute()}")
