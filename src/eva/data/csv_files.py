"""Opening csv files with one clear error for what is missing."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from eva.errors import InputError


def read_rows(path: Path, required: Sequence[str], *, quoted: bool) -> tuple[dict[str, int], list[list[str]]]:
    """Read a csv file: ({column: index}, rows without the header).

    `quoted` False reads `"` as a plain character (EmpatheticDialogues is written so).
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [row for row in _reader(file, quoted) if row]
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 at byte {error.start}; convert the file to UTF-8") from None
    except csv.Error as error:
        raise InputError(f"{path}: not readable as csv ({error})") from None
    header = [name.strip().removeprefix("\ufeff") for name in rows[0]] if rows else []
    missing = [name for name in required if name not in header]
    if missing:
        raise InputError(
            f"{path}: missing column(s) {', '.join(missing)}; the header is {','.join(header) or 'empty'!r}"
        )
    return {name: index for index, name in enumerate(header)}, rows[1:]


def _reader(file: Iterable[str], quoted: bool) -> Iterator[list[str]]:
    return csv.reader(file) if quoted else csv.reader(file, quoting=csv.QUOTE_NONE)
