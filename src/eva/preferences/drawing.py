"""Drawing some of many things, evenly over their groups and repeatably."""

import random
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TypeVar

from eva.data.dialogue import SupporterTurn

Item = TypeVar("Item")


# Given supporter turns, one response for each: what the untouched backbone would say there.
DrawRejected = Callable[[Sequence[SupporterTurn]], list[str]]


def draw_balanced(
    items: Sequence[Item], limit: int | None, group: Callable[[Item], Hashable], seed: str
) -> list[Item]:
    """At most `limit` items, as even over the groups as their sizes allow, in their first order."""
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
    """The names on the held-out side: `share` of them, at least one if `share` is above 0.

    Those in `always` are held out in any case and count towards the share.
    """
    known = sorted(set(names))
    wanted = max(1, round(share * len(known))) if share > 0 else 0
    held = {name for name in known if name in always}
    others = [name for name in known if name not in always]
    random.Random(seed).shuffle(others)  # noqa: S311 - a draw that must repeat, not a secret
    return held | set(others[: max(0, wanted - len(held))])
