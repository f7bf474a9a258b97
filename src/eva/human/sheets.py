"""Rating sheets as csv files that spreadsheets open safely (no formulas) and save without loss."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from eva.artifacts import write_text
from eva.data.dialogue import LEVEL_NAMES
from eva.errors import InputError
from eva.human.forms import EMOTIONAL_VALIDATION, Form
from eva.plain_text import read_text

# A spreadsheet executes a cell that begins with one of these (CWE-1236). The apostrophe, which `neutralise`
# puts before them, needs one too, to distinguish it from an apostrophe at the start of a text.
_FORMULA = tuple("=+-@＝＋－＠")
_MARKED = (*_FORMULA, "'", "\t", "\r", "\n", "\0")
_BOM = "\ufeff"  # without it Excel does not read the file as UTF-8
_FIXED = ("item", "rater")
_THEORY = (
    "Emotional validation: the supporter recognises what the help-seeker feels and shows that it makes "
    "sense, before giving any advice. It has four levels, which become deeper during a conversation: "
    + ", ".join(f"{level} {name}" for level, name in LEVEL_NAMES.items())
    + "."
)
CONVERSATION = "conversation"


@dataclass(frozen=True)
class Shown:
    """What a rater sees of an item: the conversation so far, and the responses in displayed order."""

    item: str
    conversation: tuple[tuple[str, str], ...]
    responses: tuple[str, ...]


@dataclass(frozen=True)
class Record:
    """The answers of one rater on one item, as read; `place` is the file and row, for messages."""

    place: str
    rater: str
    item: str
    answers: Mapping[str, str]
    responses: tuple[str, ...]


def neutralise(text: str) -> str:
    """The text with an apostrophe before it if a spreadsheet would execute it; `restore` is the inverse."""
    return f"'{text}" if text.startswith(_MARKED) or text.lstrip().startswith(_FORMULA) else text


def restore(cell: str) -> str:
    """The text of a cell that `neutralise` made."""
    return cell.removeprefix("'")


def header(form: Form) -> list[str]:
    """The column names of a form's sheet."""
    return [*_FIXED, CONVERSATION, *form.columns, *(criterion.name for criterion in form.criteria)]


def write_sheet(path: Path, form: Form, rater: str, items: Iterable[Shown]) -> None:
    """Write the sheet of one rater as UTF-8 with a byte-order mark; the columns of the criteria are empty."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(header(form))
    for shown in items:
        told = "\n\n".join(f"{author}: {said}" for author, said in shown.conversation)
        cells = [shown.item, rater, told, *shown.responses, *("" for _ in form.criteria)]
        writer.writerow([neutralise(cell) for cell in cells])
    write_text(path, _BOM + text.getvalue())


def read_sheet(path: Path, form: Form) -> tuple[list[Record], list[str]]:
    """The records of a filled sheet, and its problems; the sheet has no records if it cannot be read.

    Rows are numbered as in a spreadsheet: the header is row 1.
    """
    try:
        table = _table(path)
    except InputError as error:
        return [], [f"{error}; save it as `CSV UTF-8`"]
    except csv.Error as error:
        return [], [f"{path.name}: cannot be read as csv ({error})"]
    names = [cell.strip() for cell in table[0]] if table else []
    absent = [name for name in header(form) if name not in names and name != CONVERSATION]
    if absent:
        return [], [
            f"{path.name} row 1: column {', '.join(absent)} is missing; is this a sheet of this study?"
        ]
    rows = [(number, cells) for number, cells in enumerate(table[1:], start=2) if any(cells)]
    return [_record(path, number, dict(zip(names, cells, strict=False)), form) for number, cells in rows], []


def _table(path: Path) -> list[list[str]]:
    """All cells. The delimiter, which depends on the country in Excel, follows the first column's name."""
    text = read_text(path)
    first = text.lstrip('"')[len(_FIXED[0]) :].lstrip('"')[:1]
    return list(
        csv.reader(io.StringIO(text, newline=""), delimiter=first if first in ",;\t" and first else ",")
    )


def _record(path: Path, number: int, cells: Mapping[str, str], form: Form) -> Record:
    return Record(
        place=f"{path.name} row {number}",
        rater=cells.get("rater", "").strip(),
        item=cells.get("item", "").strip(),
        answers={one.name: cells.get(one.name, "").strip().lower() for one in form.criteria},
        responses=tuple(restore(cells.get(column, "")) for column in form.columns),
    )


def instructions(form: Form) -> str:
    """The instructions for raters, a text file beside the sheets."""
    asked: Sequence[str] = [f"{one.name} ({one.group}): {one.question}" for one in form.criteria]
    if form.is_pairwise:
        how = (
            "Each row shows a conversation so far and two possible responses of the supporter. For each "
            "question below, enter `left` or `right` for the response that fits it better, or `tie`."
        )
    else:
        how = (
            "Each row shows a conversation so far and what the supporter says next. Enter `yes` or `no` "
            "for the question below."
        )
    return "\n".join(
        [
            how,
            "Fill in every row, do not change the other columns, and save as csv (Excel: `CSV UTF-8`).",
            "The mark ' at the beginning of some cells is not part of the text.",
            "",
            *asked,
            "",
            *([_THEORY, ""] if EMOTIONAL_VALIDATION in form.criteria else []),
        ]
    )
