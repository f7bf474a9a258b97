"""What metrics need of their input, and whether a file of responses has it.

A need is written as one word: a kind of labels (`level`, `epitome/ip`), `V` (EVAEval's reference
histogram), `references`, or a script that the metric's tokeniser can split (`spaces`, `latin`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from eva.data.dialogue import LEVELS, NO_LEVEL
from eva.data.responses import Response
from eva.metrics.scripts import has_spaces, is_latin

_LISTED = 10  # most line numbers in a message
_DEGREES = (0, 1, 2)
HISTOGRAM = "V"
REFERENCES = "references"
# Kinds of labels, and the labels that a scorer of each kind may give.
LABELS: Mapping[str, tuple[int, ...]] = {
    "level": (NO_LEVEL, *LEVELS),
    "epitome/ip": _DEGREES,
    "epitome/ex": _DEGREES,
    "epitome/er": _DEGREES,
}
# Scripts that a tokeniser can split: the test of a text, and what is wrong with one that fails it.
SCRIPTS: Mapping[str, tuple[Callable[[str], bool], str]] = {
    "spaces": (has_spaces, "are in a script without spaces between words, which the tokeniser cannot split"),
    "latin": (is_latin, "are not in Latin letters, the only ones that the tokeniser knows"),
}


def check_known(metric: str, needs: Sequence[str]) -> None:
    """Raise ValueError for unknown needs, which are an error in the metric's code."""
    known = [REFERENCES, HISTOGRAM, *SCRIPTS, *LABELS]
    strange = [need for need in needs if need not in known]
    if strange:
        raise ValueError(f"metric {metric!r} needs {strange}; known: {known}")


def label_kinds(needs: Sequence[str]) -> list[str]:
    """The needs that are kinds of labels, without duplicates."""
    return [kind for kind in LABELS if kind in needs]


def row_obstacles(needs: Sequence[str], rows: Sequence[Response], file: str = "") -> list[str]:
    """Why a metric with these needs cannot be computed on the rows (of `file`).

    Every row must have its reference; more than half of the rows must be in a suitable script.
    """
    bare = [row for row in rows if not row.reference] if REFERENCES in needs else []
    unread = [(why, failing) for why, failing in _unreadable(needs, rows) if 2 * len(failing) > len(rows)]
    found = [("have no `reference`", bare), *unread]
    return [_sentence(why, failing, rows, file) for why, failing in found if failing]


def row_notes(needs: Sequence[str], rows: Sequence[Response]) -> list[str]:
    """Notes about rows in an unsuitable script, if they are too few to be an obstacle."""
    return [
        f"{_sentence(why, failing, rows, '')}; they stay in the mean with values near 0"
        for why, failing in _unreadable(needs, rows)
        if 0 < 2 * len(failing) <= len(rows)
    ]


def by_reason(reasons: Mapping[str, Sequence[str]], family_of: Mapping[str, str]) -> list[str]:
    """One line per reason with the metrics concerned; several metrics of one family appear as the family."""
    names: dict[str, list[str]] = {}
    for name, why in reasons.items():
        for reason in why:
            names.setdefault(reason, []).append(name)
    return [f"{_short(several, family_of)}: {reason}" for reason, several in names.items()]


def _unreadable(needs: Sequence[str], rows: Sequence[Response]) -> Iterator[tuple[str, list[Response]]]:
    for need in (one for one in SCRIPTS if one in needs):
        reads, why = SCRIPTS[need]
        yield why, [row for row in rows if not all(map(reads, _texts(needs, row)))]


def _texts(needs: Sequence[str], row: Response) -> list[str]:
    return [row.response, row.reference or ""] if REFERENCES in needs else [row.response]


def _sentence(why: str, failing: Sequence[Response], rows: Sequence[Response], file: str) -> str:
    lines = ", ".join(str(row.line) for row in failing[:_LISTED])
    more = ", …" if len(failing) > _LISTED else ""
    of = f" of {file}" if file else ""
    return f"{len(failing)} of {len(rows)} rows{of} {why} (line {lines}{more})"


def _short(names: Sequence[str], family_of: Mapping[str, str]) -> str:
    families: dict[str, list[str]] = {}
    for name in names:
        families.setdefault(family_of[name], []).append(name)
    return ", ".join(members[0] if len(members) == 1 else family for family, members in families.items())
