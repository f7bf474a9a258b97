"""Reading of text files and JSON: UTF-8, with or without a byte-order mark, gzipped or not.

NUL characters and unpaired surrogates are refused. Every text file that EVA reads goes through
`read_text`, every JSON text through `parse_json` or `json_value`.
"""

import codecs
import gzip
import json
import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from eva.errors import InputError, raise_if

_LISTED = 20  # errors shown per file; in a file of another format every line has one
_GZIP = b"\x1f\x8b"
_NOT_TEXT = re.compile("[\0\ud800-\udfff]")
_HALF = re.compile(r"\\u[dD][89a-fA-F]..")
# Matches every escape in turn, so that an escaped backslash followed by a `u` is not taken for one.
_ESCAPES = re.compile(
    r"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|(?P<fault>\\u(?:[dD][89a-fA-F]..|0000))|\\.", re.DOTALL
)


def storable(text: str) -> str:
    """`text` with U+FFFD in place of NUL and of unpaired surrogates, which no UTF-8 text file can hold.

    For responses of a model server, which cannot be requested again; a user's file is refused instead.
    """
    return _NOT_TEXT.sub("\ufffd", text)


def read_text(path: Path) -> str:
    """The text of a file without its byte-order mark; line ends are not changed.

    Raises:
        InputError: the file is missing or unreadable, or some lines are not UTF-8 text; each is named.
    """
    raw = _unpacked(path)
    if wide := _wide_encoding(raw):
        raise InputError(f"{path}: is {wide}; convert it to UTF-8 (`iconv -f {wide} -t UTF-8`)")
    raw = raw.removeprefix(codecs.BOM_UTF8)
    refuse(list(_faulty_lines(raw)), path)
    return raw.decode()


def refuse(problems: Sequence[str], path: Path) -> None:
    """Raise one `InputError` with the problems of a file, if there are any."""
    if len(problems) == 1:
        raise InputError(f"{path}: {problems[0]}")
    raise_if(problems, path, _LISTED)


def _unpacked(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
        return gzip.decompress(raw) if raw.startswith(_GZIP) else raw
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise InputError(
            f"{path}: a gzip file that is incomplete or damaged; copy or fetch it again"
        ) from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None


def _wide_encoding(raw: bytes) -> str | None:
    """UTF-16 or UTF-32, recognized by a byte-order mark or by a NUL in every other byte; else None."""
    if raw.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "UTF-32"
    sample = raw[:1000]
    many_nul = 0 < len(sample) <= 2.5 * sample.count(0)
    return "UTF-16" if many_nul or raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else None


def _faulty_lines(raw: bytes) -> Iterator[str]:
    """One message for each line that is not UTF-8 text, about its first error."""
    if b"\0" not in raw and _decodes(raw):
        return
    for number, line in enumerate(raw.split(b"\n"), start=1):
        try:
            if "\0" in line.decode():
                yield f"line {number}: holds a NUL character"
        except UnicodeDecodeError as error:
            byte = f"byte {error.start + 1} (0x{line[error.start]:02x})"
            yield f"line {number}: {byte} is not UTF-8; convert the file to UTF-8"


def _decodes(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def parse_json(text: str) -> Any:
    """The value of a JSON text; an `InputError` says what is wrong with it, and where."""
    value, problems = json_value(text)
    if problems:
        raise InputError("; ".join(problems))
    return value


def json_value(text: str) -> tuple[Any, list[str]]:
    """The value of a JSON text, and a message for each problem; the value is None if it cannot be parsed."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        return None, [_syntax_fault(text, error)]
    except RecursionError:
        return None, ["not readable: lists or objects are nested too deep"]
    except ValueError as error:  # a whole number of thousands of digits
        return None, [f"not readable ({error})"]
    faults = [found for found in _ESCAPES.finditer(text) if found["fault"]]
    return value, [f"`{one[0]}` at {_place(text, one.start())} {_why_not_text(one[0])}" for one in faults]


def _syntax_fault(text: str, error: json.JSONDecodeError) -> str:
    what = error.msg.removesuffix(" at").removesuffix(" starting")
    cut = error.pos >= len(text.rstrip()) or what == "Unterminated string"
    advice = "; it ends too early: copy or fetch it again" if cut else ""
    return f"not JSON ({what} at {_place(text, error.pos)}){advice}"


def half_characters(text: str) -> list[str]:
    """A message for each escaped surrogate in a YAML text; YAML does not join even a complete pair."""
    found = _HALF.finditer(text)
    return [f"`{one[0]}` at {_place(text, one.start())}: write the character itself" for one in found]


def _why_not_text(escape: str) -> str:
    return "is a NUL character" if escape.endswith("0000") else "is an unpaired surrogate, not a character"


def _place(text: str, position: int) -> str:
    column = position - text.rfind("\n", 0, position)
    line = text.count("\n", 0, position) + 1
    return f"line {line}, column {column}" if "\n" in text else f"column {column}"
