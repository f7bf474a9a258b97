"""Warnings for readers of a table: responses with defects, and unequal lengths."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from eva.metrics.description import Description

if TYPE_CHECKING:
    from eva.report.comparison import Cell, Row

MARKED_ABOVE = 5.0  # percent of responses with one defect above which their row is marked
UNEQUAL = 1.25  # ratio of mean lengths above which there is a note
_LENGTH = "length/words"


@dataclass(frozen=True)
class Caution:
    """A defect of many responses of a row; `is_invalid`: the row must not be compared."""

    text: str
    is_invalid: bool


def cautions(cells: Mapping[str, "Cell"], about: Mapping[str, Description]) -> tuple[Caution, ...]:
    """The warnings of a row, from its metrics of defects."""
    return tuple(
        Caution(f"{value:.0f} % of the responses {about[name].fault}", _is_invalid(value, about[name]))
        for name, cell in cells.items()
        if about[name].fault and (value := cell.value) is not None and value > MARKED_ABOVE
    )


def _is_invalid(value: float, about: Description) -> bool:
    return about.invalid_above is not None and value > about.invalid_above


def length_notes(rows: Sequence["Row"]) -> Iterator[str]:
    """A note if the mean lengths of two rows differ much."""
    words = {row.variant: row.cells[_LENGTH].value for row in rows if _LENGTH in row.cells}
    known = {variant: value for variant, value in words.items() if value}
    if not known:
        return
    longest, shortest = max(known, key=known.__getitem__), min(known, key=known.__getitem__)
    ratio = known[longest] / known[shortest]
    if ratio > UNEQUAL:
        yield (
            f"Lengths differ: {longest} writes {ratio:.1f} times as many words as {shortest} "
            f"({known[longest]:.1f} and {known[shortest]:.1f}). Plain Dist-2 decreases with length, BLEU and "
            "ROUGE depend on length, and scorers tend to give longer responses higher degrees: for diversity "
            "use Dist-2 at a fixed number of bigrams, and compare the other columns with care."
        )
