"""What a reader of a table has to know before its numbers: responses with defects, unequal lengths."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from eva.metrics.description import Description

if TYPE_CHECKING:
    from eva.report.comparison import Cell, Row

MARKED_ABOVE = 5.0  # percent of responses with one defect from which their row is marked
UNEQUAL = 1.25  # ratio of mean lengths from which a reader is told
_LENGTH = "length/words"


@dataclass(frozen=True)
class Caution:
    """A defect that many responses of a row share; an invalid row is not what it is called."""

    text: str
    is_invalid: bool


def cautions(cells: Mapping[str, "Cell"], about: Mapping[str, Description]) -> tuple[Caution, ...]:
    """The cautions of a row, from its metrics of defects."""
    return tuple(
        Caution(f"{value:.0f} % of the responses {about[name].fault}", _is_invalid(value, about[name]))
        for name, cell in cells.items()
        if about[name].fault and (value := cell.value) is not None and value > MARKED_ABOVE
    )


def _is_invalid(value: float, about: Description) -> bool:
    return about.invalid_above is not None and value > about.invalid_above


def length_notes(rows: Sequence["Row"]) -> Iterator[str]:
    """A sentence where responses of two rows differ much in length."""
    words = {row.variant: row.cells[_LENGTH].value for row in rows if _LENGTH in row.cells}
    known = {variant: value for variant, value in words.items() if value}
    if not known:
        return
    longest, shortest = max(known, key=known.__getitem__), min(known, key=known.__getitem__)
    ratio = known[longest] / known[shortest]
    if ratio > UNEQUAL:
        yield (
            f"Lengths differ: {longest} writes {ratio:.1f} times as many words as {shortest} "
            f"({known[longest]:.1f} and {known[shortest]:.1f}). Plain Dist-2 falls as a text grows, BLEU and "
            "ROUGE move with length, and longer responses leave a scorer more to find: for diversity read "
            "Dist-2 at a fixed number of bigrams, and take the rest with care."
        )
