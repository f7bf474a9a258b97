"""Reproducible random selection: balanced over groups, and of held-out dialogues."""

import random
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TypeVar

from eva.data.dialogue import SupporterTurn

Item = TypeVar("Item")


# From supporter turns to one response for each by the backbone before training.
DrawRejected = Callable[[Sequence[SupporterTurn]], list[str]]


def draw_balanced(
    items: Sequence[Item], limit: int | None, group: Callable[[Item], Hashable], seed: str
) -> list[Item]:
    """At most `limit` items, as evenly distributed over the groups as possible, in their original order."""
    if limit is None or limit >= len(items):
        return list(items)
    queues: dict[Hashable, list[int]] = {}
    for place, item in enumerate(items):
        queues.setdefault(group(item), []).append(place)
    generator = random.Random(seed)  # noqa: S311 - a draw that must repeat, not a secret
    for queue in queues.values():
        generator.shuffle(queue)
    ranked = sorted((rank, key) for key, queue in enumerate(queues.values()) for rank in range(len(queue)))
    rows = list(queues.values())
    return [items[place] for place in sorted(rows[key][rank] for rank, key in ranked[:limit])]


def hold_out(names: Iterable[str], share: float, seed: str, always: frozenset[str] = frozenset()) -> set[str]:
    """The names to hold out: a random `share` of them, at least one if `share` is above 0.

    Names in `always` are always held out and count towards the share.
    """
    known = sorted(set(names))
    wanted = max(1, round(share * len(known))) if share > 0 else 0
    held = {name for name in known if name in always}
    others = [name for name in known if name not in always]
    random.Random(seed).shuffle(others)  # noqa: S311 - a draw that must repeat, not a secret
    return held | set(others[: max(0, wanted - len(held))])
