"""Marks the best value of each column, if its difference from every other value is beyond the noise."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from eva.report.comparison import Cell, Group
from eva.report.pairs import Pair
from eva.statistics.verdicts import Verdict


def mark_best(group: Group, pairs: Sequence[Pair]) -> Group:
    """The group with the best value of each column marked; `pairs` are the comparisons of its variants."""
    best = {name: _best(name, group, pairs) for name in group.columns}
    rows = [
        replace(row, cells={name: _marked(cell, row.variant, best) for name, cell in row.cells.items()})
        for row in group.rows
    ]
    return replace(group, rows=tuple(rows))


def _marked(cell: Cell, variant: str, best: Mapping[str, str | None]) -> Cell:
    return replace(cell, best=best.get(cell.metric) == variant)


def _best(name: str, group: Group, pairs: Sequence[Pair]) -> str | None:
    """The variant that is better than each other that was measured and is valid; None without one."""
    valid = {row.variant: row for row in group.rows if not row.is_invalid}
    beaten: dict[str, int] = {}
    for pair in (one for one in pairs if {one.ours, one.theirs} <= valid.keys()):
        found = pair.differences.get(name)
        if found is not None and found.verdict in {Verdict.BETTER, Verdict.WORSE}:
            winner = pair.ours if found.verdict is Verdict.BETTER else pair.theirs
            beaten[winner] = beaten.get(winner, 0) + 1
    cells = [row.cells[name] for row in valid.values() if name in row.cells]
    others = sum(cell.measured and cell.value is not None for cell in cells) - 1
    return next((variant for variant, count in beaten.items() if count == others), None)
