"""Reading of EPITOME (Sharma et al., EMNLP 2020): empathy levels of responses to posts.

There is one csv file for each mechanism: interpretations, explorations, emotional reactions.
"""

from dataclasses import dataclass
from pathlib import Path

from eva.data.csv_files import read_rows
from eva.data.utterances import Problems, collapse, require_folder
from eva.errors import InputError

MECHANISM_FILES = {
    "ip": "interpretations-reddit.csv",
    "ex": "explorations-reddit.csv",
    "er": "emotional-reactions-reddit.csv",
}
_COLUMNS = ("sp_id", "rp_id", "seeker_post", "response_post", "level", "rationales")
_LEVELS = {"0": 0, "1": 1, "2": 2}


@dataclass(frozen=True, slots=True)
class EpitomePair:
    """A post, a response, and how strongly the response shows the mechanism (`level`).

    Levels are 0 none, 1 weak, 2 strong. `rationales` are the parts of the response that show it.
    """

    seeker_id: str
    response_id: str
    seeker_post: str
    response_post: str
    level: int
    rationales: tuple[str, ...]


def load_epitome(folder: Path, mechanism: str) -> list[EpitomePair]:
    """Read one mechanism's file (`ip`, `ex` or `er`) from `folder`, in file order.

    Pairs that occur twice in the official files (61 of 3,084 in each) are kept; group by `seeker_id` to
    split without leakage.

    Raises:
        InputError: the file is missing, or has faulty rows; all are listed.
    """
    require_folder(folder, ", ".join(MECHANISM_FILES.values()))
    if mechanism not in MECHANISM_FILES:
        raise InputError(f"unknown EPITOME mechanism {mechanism!r}; known: {', '.join(MECHANISM_FILES)}")
    path = folder / MECHANISM_FILES[mechanism]
    columns, rows = read_rows(path, _COLUMNS, quoted=True)
    problems = Problems(path)
    pairs = [_pair(row, columns, f"row {number}", problems) for number, row in enumerate(rows, start=1)]
    if not rows:
        problems.add("", "has no rows")
    problems.refuse()
    return [pair for pair in pairs if pair is not None]


def _pair(row: list[str], columns: dict[str, int], where: str, problems: Problems) -> EpitomePair | None:
    if len(row) < len(columns):
        problems.add(where, f"{len(row)} fields where {len(columns)} are needed")
        return None
    seeker, response, post, reply, level, rationales = (row[columns[name]] for name in _COLUMNS)
    if level.strip() not in _LEVELS:
        problems.add(where, f"level {level!r} is not one of 0, 1, 2")
    for name, text in (("seeker_post", post), ("response_post", reply)):
        if not text.strip():
            problems.add(where, f"`{name}` is empty")
    parts = tuple(collapse(part) for part in rationales.split("|") if part.strip())
    degree = _LEVELS.get(level.strip(), 0)
    return EpitomePair(seeker.strip(), response.strip(), collapse(post), collapse(reply), degree, parts)
