"""Reading of EmpatheticDialogues (Rashkin et al., ACL 2019) from its official csv files.

Their fields are never quoted: a comma in text is written `_comma_`, and `"` is an ordinary character. A
csv reader with quoting would join thousands of rows without an error.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from eva.data.csv_files import read_rows
from eva.data.dialogue import Dialogue, Role
from eva.data.formats import corpus_format
from eva.data.utterances import SPLITS, Loaded, Problems, Utterance, collapse, join, require_folder
from eva.errors import InputError
from eva.plain_text import read_text

_COLUMNS = ("conv_id", "utterance_idx", "context", "prompt", "speaker_idx", "utterance")
EMOTIONS = (
    *("afraid", "angry", "annoyed", "anticipating", "anxious", "apprehensive", "ashamed", "caring"),
    *("confident", "content", "devastated", "disappointed", "disgusted", "embarrassed", "excited"),
    *("faithful", "furious", "grateful", "guilty", "hopeful", "impressed", "jealous", "joyful"),
    *("lonely", "nostalgic", "prepared", "proud", "sad", "sentimental", "surprised", "terrified"),
    "trusting",
)
# A field that a csv tool has quoted: it begins and ends with `"`, and every `"` inside is doubled.
_QUOTED = re.compile(r'"[^"]*(?:""[^"]*)+"')


@dataclass(frozen=True, slots=True)
class _Row:
    conversation: str
    number: int
    emotion: str
    utterance: Utterance


@corpus_format("empathetic_dialogues", emotions=EMOTIONS)
def load_empathetic_dialogues(folder: Path) -> Loaded:
    """Read `train.csv`, `valid.csv` and `test.csv`.

    Odd rows of a conversation are the speaker's (`user`), even rows the listener's (`assistant`). The
    dialogue id is `conv_id`; the position counts the conversations of a file from 0.

    Raises:
        InputError: a file is missing, was rewritten with quoted fields, or has faulty rows; all are listed.
    """
    require_folder(folder, "train.csv, valid.csv and test.csv")
    splits: dict[str, list[Dialogue]] = {}
    counts: dict[str, int] = {}
    for split in SPLITS:
        splits[split] = []
        rows = _rows(folder / f"{split}.csv")
        for position, (identity, group) in enumerate(groupby(rows, key=lambda row: row.conversation)):
            said = list(group)
            turns, slices = join(row.utterance for row in said), {"emotion": said[0].emotion}
            splits[split].append(Dialogue(identity, "empathetic_dialogues", position, turns, slices))
            counts[identity] = len(said)
    return Loaded(splits, counts)


def _rows(path: Path) -> list[_Row]:
    _refuse_quoted_header(path)
    columns, raw = read_rows(path, _COLUMNS, quoted=False)
    _refuse_quoted_fields(path, columns, raw)
    problems = Problems(path)
    rows = list(_parse(columns, raw, problems))
    _check_order(rows, problems)
    problems.refuse()
    return rows


def _refuse_quoted_header(path: Path) -> None:
    if read_text(path).startswith('"'):
        raise _quoting_error(path, "header")


def _refuse_quoted_fields(path: Path, columns: dict[str, int], raw: list[list[str]]) -> None:
    prompt, speaker, text = (columns[name] for name in ("prompt", "speaker_idx", "utterance"))
    width = max(columns[name] for name in _COLUMNS) + 1
    for number, row in enumerate(raw, start=2):
        if len(row) < width:
            continue
        doubled = any(_QUOTED.fullmatch(field) for field in row[:width] if field[:1] == '"')
        # A comma inside a quoted field splits it in two and shifts the following fields to the right.
        moved = row[prompt][:1] == '"' and not row[speaker].isdigit()
        cut = row[text][:1] == '"' and any(field[-1:] == '"' for field in row[text + 1 :])
        if doubled or moved or cut:
            raise _quoting_error(path, f"line {number}")


def _quoting_error(path: Path, where: str) -> InputError:
    return InputError(
        f"{path}, {where}: fields are quoted, but the official files never quote (commas are written "
        "`_comma_`, a quotation mark is an ordinary character). A csv tool has rewritten this file: use "
        "the official one (`eva data fetch`)"
    )


def _parse(columns: dict[str, int], raw: list[list[str]], problems: Problems) -> Iterator[_Row]:
    identity, number, emotion, _, speaker, text = (columns[name] for name in _COLUMNS)
    width = max(columns[name] for name in _COLUMNS) + 1
    for line, row in enumerate(raw, start=2):
        if len(row) < width:
            problems.add(f"line {line}", f"{len(row)} fields where at least {width} are needed")
            continue
        if not (row[number].isdigit() and row[speaker].isdigit()):
            problems.add(
                f"line {line}, dialogue {row[identity]}",
                f"utterance_idx {row[number]!r} or speaker_idx {row[speaker]!r} is not a whole number; "
                "an unescaped comma or csv quoting may have shifted the fields",
            )
            continue
        said = collapse(row[text].replace("_comma_", ","))
        if not said:
            problems.add(f"line {line}, dialogue {row[identity]}, turn {row[number]}", "`utterance` is empty")
        role: Role = "user" if int(row[number]) % 2 else "assistant"
        yield _Row(row[identity], int(row[number]), row[emotion].strip(), Utterance(role, said))


def _check_order(rows: list[_Row], problems: Problems) -> None:
    """Report conversations whose rows are not consecutive or not numbered from 1."""
    if problems.found:
        return
    seen: set[str] = set()
    for identity, group in groupby(rows, key=lambda row: row.conversation):
        numbers = [row.number for row in group]
        if identity in seen:
            problems.add(f"dialogue {identity}", "its rows are not consecutive")
        if numbers != list(range(1, len(numbers) + 1)):
            problems.add(f"dialogue {identity}", f"utterance_idx is {numbers}, not 1..{len(numbers)}")
        seen.add(identity)
    if not rows:
        problems.add("", "has no rows")
