"""Reading filled sheets: checking all of them, and assigning the ratings to the systems."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
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
    choices), as they were shown. Items of the key that nobody rated are left out, and `gaps` says what is
    not there: raters who gave up or whose sheet is lost, items without a rating.
    """

    key: Key
    raters: tuple[str, ...]
    chosen: dict[str, Counts]
    gaps: tuple[str, ...] = ()

    @property
    def per_item(self) -> Counts:
        """How many people rated each item."""
        counts: Counts = next(iter(self.chosen.values())).sum(axis=1)
        return counts

    @property
    def ratings_per_item(self) -> str:
        """The number of ratings of an item, as text: one number, or the fewest and the most."""
        low, high = int(self.per_item.min()), int(self.per_item.max())
        return str(low) if low == high else f"{low} to {high}"

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
        return np.asarray(worth / self.per_item, dtype=np.float64)

    def dialogue_of(self) -> tuple[tuple[str, ...], Counts]:
        """The sorted ids of the dialogues, and for each item the index of its dialogue."""
        ids, index = np.unique([item.dialogue_id for item in self.key.items], return_inverse=True)
        return tuple(ids.tolist()), np.asarray(index, dtype=np.int64)


def read_ratings(key: Key, files: Sequence[Path]) -> Ratings:
    """Read filled csv sheets and Label Studio exports; one `InputError` lists all problems of all files.

    Rows without answers, missing rows and missing sheets count as not rated.
    """
    if not files:
        raise InputError("there are no filled sheets to read; give csv sheets or a Label Studio export")
    records, problems = _read_all(key, files)
    good: dict[tuple[str, str], Record] = {}
    for record in records:
        found = list(_wrong(record, key))
        earlier = good.setdefault((record.rater, record.item), record)
        if not found and earlier is not record:
            found = [f"{record.rater} already rated {record.item} in {earlier.place}"]
        problems += [f"{record.place}: {text}" for text in found]
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
        if not found and not wrong:
            wrong = [f"{path.name}: holds no ratings"]
        records += [record for record in found if any(record.answers.values())]
        problems += wrong
    if not records and not problems:
        problems.append(f"nothing is filled in: {', '.join(path.name for path in files)}")
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


def _gaps(key: Key, records: Sequence[Record]) -> Iterator[str]:
    """Messages for raters with missing ratings, and for items without ratings."""
    rated = Counter(record.rater for record in records)
    if any(rater in rated for rater in key.raters):  # sheets, and not a Label Studio project
        for rater, items in key.raters.items():
            if rated[rater] < len(items):
                yield f"{rater} rated {rated[rater] or 'none'} of {len(items)} items"
    known = {record.item for record in records}
    if absent := [item.name for item in key.items if item.name not in known]:
        yield f"nobody rated {', '.join(absent)}: left out"


def _count(key: Key, records: Sequence[Record]) -> Ratings:
    gaps, known = tuple(_gaps(key, records)), {record.item for record in records}
    rated = replace(key, items=tuple(item for item in key.items if item.name in known))
    choices = key.form.choices
    chosen = {
        one.name: np.zeros((len(rated.items), len(choices)), dtype=np.int64) for one in key.form.criteria
    }
    for record in records:
        for name, answer in record.answers.items():
            chosen[name][rated.index[record.item], choices.index(answer)] += 1
    return Ratings(rated, tuple(sorted({record.rater for record in records})), chosen, gaps)
