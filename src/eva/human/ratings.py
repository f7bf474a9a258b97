"""Reading filled sheets: checking all of them, and assigning the ratings to the systems."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eva.errors import InputError, raise_if
from eva.human.key import Key, texts_digest
from eva.human.label_studio import read_export
from eva.human.sheets import Record, read_sheet

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Ratings:
    """All ratings of a study.

    `chosen` holds, per criterion, how many raters made each of the form's choices (items x
    choices), as they were shown; `n_raters` rated each item, of the people in `raters`.
    """

    key: Key
    raters: tuple[str, ...]
    n_raters: int
    chosen: dict[str, Counts]

    def labels(self, criterion: str) -> Counts:
        """(items, labels) how many raters gave each label, with left and right assigned to the systems."""
        counts = self.chosen[criterion]
        swapped = np.array([item.left == 1 for item in self.key.items])
        return np.where(swapped[:, None], counts[:, ::-1], counts)

    def scores(self, criterion: str) -> NDArray[np.float64]:
        """(items,) the human score of each item: the mean score of its raters' labels.

        Two systems: win 1, tie 0, lose -1 for the first system. One system: the share of yes.
        """
        worth = self.labels(criterion) @ np.array(self.key.form.scores)
        return np.asarray(worth / self.n_raters, dtype=np.float64)

    def dialogue_of(self) -> tuple[tuple[str, ...], Counts]:
        """The sorted ids of the dialogues, and for each item the index of its dialogue."""
        ids, index = np.unique([item.dialogue_id for item in self.key.items], return_inverse=True)
        return tuple(ids.tolist()), np.asarray(index, dtype=np.int64)


def read_ratings(key: Key, files: Sequence[Path]) -> Ratings:
    """Read filled csv sheets and Label Studio exports; one `InputError` lists all problems of all files."""
    if not files:
        raise InputError("there are no filled sheets to read; name csv sheets or a Label Studio export")
    records, problems = _read_all(key, files)
    good: dict[tuple[str, str], Record] = {}
    for record in records:
        found = list(_wrong(record, key))
        earlier = good.setdefault((record.rater, record.item), record)
        if not found and earlier is not record:
            found = [f"{record.rater} rated {record.item} already in {earlier.place}"]
        problems += [f"{record.place}: {text}" for text in found]
    problems += _incomplete(key, list(good.values()))
    if not problems:  # unequal numbers follow from any other problem
        problems += _unequal(key, list(good.values()))
    raise_if(problems, "ratings")
    return _count(key, list(good.values()))


def _read_all(key: Key, files: Sequence[Path]) -> tuple[list[Record], list[str]]:
    records: list[Record] = []
    problems: list[str] = []
    for path in files:
        if not path.is_file():
            problems.append(f"{path}: no such file")
            continue
        read = read_export if path.suffix.lower() == ".json" else read_sheet
        found, wrong = read(path, key.form)
        if found and not any(any(record.answers.values()) for record in found):
            found, wrong = [], [f"{path.name}: nothing is filled in; leave the file out if nobody will"]
        elif not found and not wrong:
            wrong = [f"{path.name}: holds no ratings"]
        records += found
        problems += wrong
    return records, problems


def _wrong(record: Record, key: Key) -> Iterator[str]:
    if record.item not in key.index:
        yield f"item {record.item!r} is not in the key"
        return
    if not record.rater.startswith("label_studio:"):
        if record.rater not in key.raters:
            yield f"rater {record.rater!r} is not in the key"
        elif record.item not in key.raters[record.rater]:
            yield f"{record.item} was not given to {record.rater}"
    if texts_digest(record.responses) != key.items[key.index[record.item]].texts:
        yield (
            f"the responses are not those of {record.item}; was a column sorted on its own, or text edited?"
        )
    missing = [name for name, answer in record.answers.items() if not answer]
    if missing:
        yield f"no rating for {', '.join(missing)}"
    for name, answer in record.answers.items():
        if answer and answer not in key.form.choices:
            yield f"{name} is {answer!r}, expected one of {', '.join(key.form.choices)}"


def _incomplete(key: Key, records: Sequence[Record]) -> list[str]:
    """Rows that are gone from a sheet, by rater."""
    rated: dict[str, set[str]] = {}
    for record in records:
        rated.setdefault(record.rater, set()).add(record.item)
    problems = []
    for rater, items in key.raters.items():
        absent = [item for item in items if item not in rated[rater]] if rater in rated else []
        if absent:
            listed = ", ".join(sorted(absent)[:10]) + (", …" if len(absent) > 10 else "")
            problems.append(f"{rater}: {len(absent)} of {len(items)} items have no row ({listed})")
    return problems


def _unequal(key: Key, records: Sequence[Record]) -> list[str]:
    """Items with fewer ratings than others: agreement and shares would weigh them unequally."""
    ratings = Counter(record.item for record in records)
    most = max(ratings.values(), default=0)
    return [
        f"{item.name} has {ratings[item.name]} ratings and others have {most}; every item needs as many"
        for item in key.items
        if ratings[item.name] != most
    ]


def _count(key: Key, records: Sequence[Record]) -> Ratings:
    choices = key.form.choices
    chosen = {one.name: np.zeros((len(key.items), len(choices)), dtype=np.int64) for one in key.form.criteria}
    for record in records:
        for name, answer in record.answers.items():
            chosen[name][key.index[record.item], choices.index(answer)] += 1
    raters = tuple(sorted({record.rater for record in records}))
    return Ratings(key, raters, len(records) // len(key.items), chosen)
