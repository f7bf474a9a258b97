"""The data of the page's figures for DVC plots: one list per csv, with fixed columns."""

from collections.abc import Sequence
from typing import Any

from eva.metrics.type_phrases import TYPE_NAMES
from eva.report.analysis import Analysis
from eva.report.comparison import Cell, Group, Row

COLUMNS = {
    "comparison": ("group", "metric", "variant", "value"),
    "levels": ("group", "variant", "level", "quartile", "who", "share"),
    "response_types": ("group", "type", "variant", "percent"),
    "repetition": ("group", "threshold", "variant", "percent"),
}

Rows = list[dict[str, Any]]


def plot_rows(groups: Sequence[Group], analyses: Sequence[Analysis]) -> dict[str, Rows]:
    """The rows of each plot, by its name, with the columns of `COLUMNS`."""
    return {
        "comparison": [row for one in groups for row in _bars(one)],
        "levels": [row for one in analyses for row in _levels(one)],
        "response_types": [row for one in analyses for row in _types(one)],
        "repetition": [row for one in analyses for row in _repetition(one)],
    }


def _bars(group: Group) -> Rows:
    """Each metric relative to the baseline (1 = baseline), so that all fit on one axis."""
    return [
        {
            "group": f"{group.corpus}, {group.backbone}",
            "metric": group.about[name].heading,
            "variant": row.variant,
            "value": round(cell.value / base, 4),
        }
        for name in group.columns
        for row in group.rows
        if (cell := row.cells.get(name)) and cell.value is not None and (base := _base(group, name))
    ]


def _base(group: Group, name: str) -> float:
    row: Row | None = next((row for row in group.rows if row.variant == group.baseline), None)
    cell: Cell | None = row.cells.get(name) if row else None
    return (cell.value or 0.0) if cell else 0.0


def _levels(analysis: Analysis) -> Rows:
    """T of every variant, each with V, so that a facet shows both."""
    return [
        {
            "group": f"{analysis.corpus}, {analysis.backbone}",
            "variant": variant,
            "level": level,
            "quartile": place,
            "who": who,
            "share": round(share, 6),
        }
        for variant, profile in analysis.levels.items()
        for who, shares_of in (("T", profile), ("V", analysis.reference))
        for level, shares in shares_of.items()
        for place, share in enumerate(shares, start=1)
    ]


def _types(analysis: Analysis) -> Rows:
    return [
        {
            "group": f"{analysis.corpus}, {analysis.backbone}",
            "type": key.upper(),
            "variant": variant,
            "percent": round(shares[key], 4),
        }
        for key in TYPE_NAMES
        for variant, shares in analysis.response_types.items()
    ]


def _repetition(analysis: Analysis) -> Rows:
    return [
        {
            "group": f"{analysis.corpus}, {analysis.backbone}",
            "threshold": f"over {threshold} %",
            "variant": variant,
            "percent": round(share, 4),
        }
        for variant, shares in analysis.repetition.items()
        for threshold, share in shares.items()
    ]
