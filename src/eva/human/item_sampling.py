"""Choosing the turns to rate, the left/right order of the systems, and the raters of each item."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eva.data.responses import Response
from eva.errors import raise_if

DEFAULT_TURNS = 100


@dataclass(frozen=True)
class Plan:
    """How many items are rated, and by how many raters.

    `turns` is the number of responses to rate; `dialogues` instead the number of dialogues, of which all
    responses are rated; with neither, 100 responses or all if there are fewer. Each response is rated by
    `per_item` of the `raters`.
    """

    turns: int | None
    dialogues: int | None
    raters: int
    per_item: int
    seed: int

    def check(self, rows: Sequence[Response]) -> None:
        """Raise one `InputError` that lists all requests that `rows` are too few for."""
        n_dialogues = len({row.dialogue_id for row in rows})
        problems = []
        if self.turns is not None and self.dialogues is not None:
            problems.append("--n (responses) and --dialogues (whole dialogues) exclude each other: give one")
        if (self.turns or 0) > len(rows):
            problems.append(f"--n {self.turns}: there are {len(rows)} responses")
        if (self.dialogues or 0) > n_dialogues:
            problems.append(f"--dialogues {self.dialogues}: there are {n_dialogues} dialogues")
        if self.per_item > self.raters:
            problems.append(f"--per-item {self.per_item}: there are {self.raters} raters")
        raise_if(problems, "export")


def draw(rows: Sequence[Response], plan: Plan, rng: np.random.Generator) -> list[Response]:
    """The responses to rate, in random order."""
    if plan.dialogues is not None:
        drawn = _whole_dialogues(rows, plan.dialogues, rng)
    else:
        wanted = min(DEFAULT_TURNS, len(rows)) if plan.turns is None else plan.turns
        drawn = _spread_turns(rows, wanted, rng)
    return [drawn[i] for i in rng.permutation(len(drawn))]


def _whole_dialogues(rows: Sequence[Response], n: int, rng: np.random.Generator) -> list[Response]:
    names = sorted({row.dialogue_id for row in rows})
    chosen = {names[i] for i in rng.permutation(len(names))[:n]}
    return sorted((row for row in rows if row.dialogue_id in chosen), key=lambda row: row.key)


def _spread_turns(rows: Sequence[Response], n: int, rng: np.random.Generator) -> list[Response]:
    """`n` turns: in each round one from each dialogue, of the quartile with the fewest turns so far."""
    ordered = sorted(rows, key=lambda row: row.key)
    left: dict[str, list[Response]] = {}
    for i in rng.permutation(len(ordered)):
        left.setdefault(ordered[i].dialogue_id, []).append(ordered[i])
    drawn: list[Response] = []
    taken: Counter[int] = Counter()
    while len(drawn) < n:
        for turns in [turns for turns in left.values() if turns][: n - len(drawn)]:
            row = min(turns, key=lambda row: taken[row.quartile])
            turns.remove(row)
            taken[row.quartile] += 1
            drawn.append(row)
    return drawn


def sides(n_items: int, rng: np.random.Generator) -> list[int]:
    """For each item the system on the left, 0 or 1; each equally often (to within one), in random order."""
    return [int(i) % 2 for i in rng.permutation(n_items)]


def assign(n_items: int, plan: Plan, rng: np.random.Generator) -> list[list[int]]:
    """For each rater the indices of the items to rate, in a random order for each.

    Every item gets `per_item` different raters; the numbers of items of raters differ by at most one.
    """
    shares: list[list[int]] = [[] for _ in range(plan.raters)]
    for item in range(n_items):
        for place in range(plan.per_item):
            shares[(item * plan.per_item + place) % plan.raters].append(item)
    return [[share[i] for i in rng.permutation(len(share))] for share in shares]
