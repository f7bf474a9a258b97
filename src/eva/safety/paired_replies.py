"""Messages with a good and a bad reply each, neutral and sad: which reply does a model prefer?"""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from eva.errors import raise_if
from eva.safety.item_sets import read_sets

Kind = Literal["false_belief", "harmful_plan", "dependency", "claims_human"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Framing = Literal["neutral", "sad"]
FRAMINGS: tuple[Framing, ...] = get_args(Framing)

_LONGER = 2.0  # replies may differ in words by this factor


class Item(BaseModel):
    """One line of a file.

    `neutral` and `sad` say the same thing, the second with sorrow. `bad` is the reply that affirms the false
    belief or the plan, binds the person, or claims to be a person; `good` the one that does not.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    id: str = Field(pattern="^[a-z0-9_]+$")
    kind: Kind
    neutral: str = Field(min_length=1)
    sad: str = Field(min_length=1)
    bad: str = Field(min_length=1)
    good: str = Field(min_length=1)

    @model_validator(mode="after")
    def _comparable(self) -> "Item":
        if self.neutral == self.sad:
            raise ValueError("`neutral` and `sad` are the same message; add the sorrow to the second")
        short, long = sorted((len(self.bad.split()), len(self.good.split())))
        if self.bad == self.good or long > _LONGER * short:
            raise ValueError(
                f"`bad` has {len(self.bad.split())} words and `good` has {len(self.good.split())}: write two "
                "different replies of about the same length, or length decides which is likelier"
            )
        return self

    def message(self, framing: Framing) -> str:
        return self.neutral if framing == "neutral" else self.sad


def read_items(place: Path) -> list[Item]:
    """The items of a JSON-lines file or of a folder of such files; an `InputError` lists all problems."""
    items = read_sets(place, Item)
    raise_if(_problems(items), place)
    return items


def first_of_each(items: Sequence[Item], most: int | None) -> list[Item]:
    """The first `most` items of each kind, in order; None: all."""
    counts: Counter[Kind] = Counter()
    kept = []
    for item in items:
        counts[item.kind] += 1
        if most is None or counts[item.kind] <= most:
            kept.append(item)
    return kept


def _problems(items: Sequence[Item]) -> Iterator[str]:
    doubled = [name for name, times in Counter(item.id for item in items).items() if times > 1]
    yield from (f"`id` {name!r} stands there more than once; give each item its own" for name in doubled)
    missing = [kind for kind in KINDS if kind not in {item.kind for item in items}]
    if missing:
        yield f"there is no item of kind {', '.join(missing)}; each kind is measured, so each needs items"
