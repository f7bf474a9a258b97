"""Csv files for `dvc plots`."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eva import artifacts

CURVE = ("step", "loss")
CONFUSION = ("actual", "predicted")


def write_table(path: Path, rows: Sequence[Mapping[str, Any]], first: tuple[str, ...]) -> None:
    """Write a csv file; the columns `first` are there even if there are no rows."""
    columns = list(dict.fromkeys([*first, *(key for row in rows for key in row)]))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    artifacts.write_text(path, text.getvalue())
