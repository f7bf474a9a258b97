"""Reading of csv files; an unreadable file or a missing column is one clear error."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from eva.errors import InputError
from eva.plain_text import read_text


def read_rows(path: Path, required: Sequence[str], *, quoted: bool) -> tuple[dict[str, int], list[list[str]]]:
    """Read a csv file; returns {column name: index} and the rows without the header.

    With `quoted=False`, `"` is an ordinary character, as in the files of EmpatheticDialogues.

    Raises:
        InputError: the file is unreadable, or a column of `required` is missing.
    """
    text = read_text(path)
    reader = csv.reader(
        io.StringIO(text, newline=""), quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    )
    try:
        rows = [row for row in reader if row]
    except csv.Error as error:
        raise InputError(f"{path}: line {reader.line_num}: not readable as csv ({error})") from None
    header = [name.strip() for name in rows[0]] if rows else []
    missing = [name for name in required if name not in header]
    if missing:
        raise InputError(
            f"{path}: missing column(s) {', '.join(missing)}; the header is {','.join(header) or 'empty'!r}"
        )
    return {name: index for index, name in enumerate(header)}, rows[1:]
