"""An annotator's answer to one task, and what can be wrong with it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from eva.annotation.assignment import Task
from eva.annotation.level_descriptions import LABELS


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as it was read, with the candidates by name.

    `order` holds the ranked ones, best first (round of rankings); `levels` the level of each that has one
    (round of levels); `unusable` those flagged. `seconds` is None where the tool does not say.
    `place` is the file and where in it, for messages.
    """

    annotator: str
    task: Task
    order: tuple[str, ...]
    levels: tuple[tuple[str, int], ...]
    unusable: tuple[str, ...]
    seconds: float | None
    place: str


def by_index(task: Task, indices: Sequence[int]) -> tuple[str, ...]:
    """Names of the candidates at these places of the screen."""
    return tuple(task.shown[i] for i in indices)


def answer_faults(
    task: Task, order: object, levels: object, unusable: object, ranking: bool
) -> Iterator[str]:
    """Why these raw values, as the page exports them, are no answer to the task."""
    n = len(task.shown)
    for name, value in (("order", order), ("unusable", unusable)):
        if not _are_places(value, n):
            yield f"`{name}` is {value!r}, expected places from 0 to {n - 1}"
            return
    placed = Counter([*cast("list[int]", order), *cast("list[int]", unusable)])
    if twice := [i for i, times in placed.items() if times > 1]:
        yield f"response {_letters(twice)} has two places, or a place and a flag"
    elif not ranking:
        yield from _level_faults(levels, cast("list[int]", unusable), n)
    elif missing := [i for i in range(n) if i not in placed]:
        yield f"response {_letters(missing)} is neither ranked nor flagged"


def _are_places(value: object, n: int) -> bool:
    return isinstance(value, list) and all(type(i) is int and 0 <= i < n for i in value)


def _letters(places: Sequence[int]) -> str:
    """Responses as the page calls them."""
    return ", ".join(chr(97 + i) for i in sorted(places))


def _level_faults(levels: object, unusable: Sequence[int], n: int) -> Iterator[str]:
    if not isinstance(levels, list) or len(levels) != n:
        yield f"`levels` is {levels!r}, expected {n} levels"
        return
    for i, level in enumerate(levels):
        if i not in unusable and (type(level) is not int or level not in LABELS):
            yield f"response {_letters([i])} has the level {level!r}, expected 0 to 4"
