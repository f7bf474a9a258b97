"""Printing a table as wide as the terminal, or in a file or a pipe as wide as its text."""

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

_PIPE = 400  # columns; wide enough that no line is broken for a program that reads it


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under a header row; cells are broken into lines if the terminal is too narrow."""
    table = Table(*head, box=None, pad_edge=False, header_style="bold")
    for column in table.columns:
        column.overflow = "fold"
    for row in rows:
        table.add_row(*row)
    terminal = sys.stdout.isatty()
    console = Console(width=None if terminal else _PIPE, markup=False, highlight=False, emoji=False)
    with console.capture() as printed:
        console.print(table)
    print("\n".join(line.rstrip() for line in printed.get().splitlines()))
