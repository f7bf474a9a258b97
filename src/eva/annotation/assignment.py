"""Who annotates which items, in which order, and in which order the candidates of an item are shown."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from eva.data.candidates import Candidate
from eva.errors import raise_if

MANY = 50  # items of an annotator from which on some are shown twice, unless told otherwise
REPEATS = 5
_LETTERS = 26  # name the responses of a screen


@dataclass(frozen=True, slots=True)
class Task:
    """One screen: an item with its candidates in the order `shown`; a `repeat` was seen before.

    `name` is all that an annotator's answers say about it.
    """

    name: str
    item: str
    shown: tuple[str, ...]
    repeat: bool = False


@dataclass(frozen=True)
class Workload:
    """How many people annotate, how many of them each item, and how many items each sees twice."""

    annotators: int
    per_item: int
    repeats: int | None
    seed: int

    def check(self, items: Mapping[str, Sequence[Candidate]], fewest: int) -> None:
        """Raise one `InputError` with everything that cannot be; an item needs `fewest` candidates."""
        problems = [
            f"item {name} has {len(found)} candidate: ranking needs two or more"
            for name, found in items.items()
            if len(found) < fewest
        ]
        problems += [
            f"item {name} has {len(found)} candidates: a screen has letters for {_LETTERS}"
            for name, found in items.items()
            if len(found) > _LETTERS
        ]
        if self.per_item > self.annotators:
            problems.append(f"--per-item {self.per_item}: there are {self.annotators} annotators")
        if (self.repeats or 0) > len(items):
            problems.append(f"--repeats {self.repeats}: there are {len(items)} items")
        raise_if(problems, "export", listed=20)


def assign_dialogues(
    items: Mapping[str, Sequence[Candidate]], work: Workload, rng: np.random.Generator
) -> dict[str, list[Task]]:
    """The tasks of each annotator: whole dialogues in random order, each from its first turn to its last.

    Every item gets `per_item` annotators. The largest dialogues go first, each to those with the fewest
    items so far, so that nobody gets much more than another.
    """
    turns = _turns_by_dialogue(items)
    width = len(str(work.annotators))
    shares: dict[str, list[str]] = {f"annotator_{i:0{width}d}": [] for i in range(1, work.annotators + 1)}
    names, load = list(shares), np.zeros(work.annotators)
    drawn = [list(turns)[i] for i in rng.permutation(len(turns))]
    for dialogue in sorted(drawn, key=lambda one: -len(turns[one])):
        chosen = sorted(rng.permutation(work.annotators), key=lambda who: load[who])[: work.per_item]
        for who in chosen:
            shares[names[who]].append(dialogue)
            load[who] += len(turns[dialogue])
    return {name: _tasks(items, turns, share, work, rng) for name, share in shares.items()}


def shared_tasks(items: Mapping[str, Sequence[Candidate]], rng: np.random.Generator) -> list[Task]:
    """Every item once, for a tool in which all annotators see one list."""
    listed = [item for found in _turns_by_dialogue(items).values() for item in found]
    return _named(items, [(item, False) for item in listed], rng)


def _turns_by_dialogue(items: Mapping[str, Sequence[Candidate]]) -> dict[str, list[str]]:
    turns: dict[str, list[str]] = defaultdict(list)
    for name, found in sorted(items.items(), key=lambda pair: pair[1][0].turn):
        turns[found[0].dialogue_id].append(name)
    return dict(sorted(turns.items()))


def _tasks(
    items: Mapping[str, Sequence[Candidate]],
    turns: Mapping[str, Sequence[str]],
    share: Sequence[str],
    work: Workload,
    rng: np.random.Generator,
) -> list[Task]:
    first = [item for i in rng.permutation(len(share)) for item in turns[share[i]]]
    repeats = (REPEATS if len(first) >= MANY else 0) if work.repeats is None else work.repeats
    again = [first[i] for i in rng.permutation(len(first))[:repeats]]
    return _named(items, [*((item, False) for item in first), *((item, True) for item in again)], rng)


def _named(
    items: Mapping[str, Sequence[Candidate]], listed: Sequence[tuple[str, bool]], rng: np.random.Generator
) -> list[Task]:
    width = len(str(len(listed)))
    return [
        Task(f"t{i:0{width}d}", item, _shuffled(items[item], rng), repeat)
        for i, (item, repeat) in enumerate(listed, start=1)
    ]


def _shuffled(candidates: Sequence[Candidate], rng: np.random.Generator) -> tuple[str, ...]:
    return tuple(candidates[i].candidate for i in rng.permutation(len(candidates)))
