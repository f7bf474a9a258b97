"""The comparison as plain text for the terminal, and as rows for csv files."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from eva.evaluation.report.comparison import HEADINGS, Cell, Group, Row

MARKS = {"better": "+", "worse": "-", "changed": "*", "noise": "~", None: " "}
SIGNS = {True: "=", False: "x", None: " "}
_PERCENT = ("overlap/", "diversity/")


def format_value(metric: str, value: float) -> str:
    """As the paper prints it: percentages to two places, the rest to four."""
    return f"{value:.2f}" if metric.startswith(_PERCENT) else f"{value:.4f}"


def format_interval(metric: str, interval: tuple[float, float]) -> str:
    """Both ends without the zero before the point, so that twelve columns fit a screen."""
    low, high = (format_value(metric, end).removeprefix("0") for end in interval)
    return f"{low}–{high}"


def terminal_table(groups: Sequence[Group]) -> str:
    """The comparison as aligned plain text, one block per corpus and backbone."""
    blocks = [_block(group) for group in groups]
    legend = (
        "Against the baseline: + better, - worse, * changed, ~ within the noise (interval holds 0).\n"
        "The paper's Mistral below ours: = same direction as ours, x opposite, unmarked within our noise.\n"
        "L1 to L4 and Avg. are EVAEval in the sum form that the paper's tables need; Eq. 1 is the mean form."
    )
    return "\n\n".join([*blocks, legend]) + "\n"


def _block(group: Group) -> str:
    names = [HEADINGS[name] for name in group.columns]
    lines = [["", *names]]
    for row in group.rows:
        lines.append([row.variant, *(_plain(row.cells.get(name)) for name in group.columns)])
        if any(cell.paper is not None for cell in row.cells.values()):
            lines.append(["  paper", *(_plain_paper(row.cells.get(name)) for name in group.columns)])
    if group.floor:
        floor = [group.floor.get(name) for name in group.columns]
        values = zip(group.columns, floor, strict=True)
        lines.append(
            ["noise floor", *("" if v is None else f"{format_value(name, v)} " for name, v in values)]
        )
    sizes = {(row.n_dialogues, row.n_responses) for row in group.rows if row.cells}
    counts = " or ".join(f"{d} dialogues, {r} responses" for d, r in sorted(sizes))
    seeds = ", ".join(str(seed) for seed in group.rows[0].seeds)
    title = f"{group.corpus}, {group.backbone} (seeds {seeds}; {counts}); baseline {group.baseline}"
    return "\n".join([title, *_aligned(lines)])


def _plain(cell: Cell | None) -> str:
    return "n/a " if cell is None else f"{format_value(cell.metric, cell.value)}{MARKS[cell.versus]}"


def _plain_paper(cell: Cell | None) -> str:
    if cell is None or cell.paper is None:
        return ""
    return f"{format_value(cell.metric, cell.paper)}{SIGNS[cell.agrees]}"


def _aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
    head, *body = lines
    heading = [
        head[0].ljust(widths[0]),
        *(f"{n} ".rjust(w) for n, w in zip(head[1:], widths[1:], strict=True)),
    ]
    rows = [
        [line[0].ljust(widths[0]), *(text.rjust(w) for text, w in zip(line[1:], widths[1:], strict=True))]
        for line in body
    ]
    return [" ".join(parts).rstrip() for parts in [heading, *rows]]


def comparison_rows(groups: Sequence[Group]) -> list[dict[str, Any]]:
    """One row per corpus, backbone, variant and metric, for `comparison.csv`."""
    return [
        {
            "corpus": group.corpus,
            "backbone": group.backbone,
            "variant": row.variant,
            "metric": cell.metric,
            "value": cell.value,
            "low": cell.ci[0] if cell.ci else None,
            "high": cell.ci[1] if cell.ci else None,
            "difference": cell.difference,
            "versus": cell.versus,
            "paper": cell.paper,
            "seeds": len(row.seeds),
        }
        for group in groups
        for row in group.rows
        for cell in row.cells.values()
    ]


def plot_rows(groups: Sequence[Group]) -> list[dict[str, Any]]:
    """Each metric in units of the baseline's (1 = baseline), so that one axis serves all of them."""
    return [
        {"variant": _bar_name(group, row, cell, len(groups) > 1), "value": round(cell.value / base, 4)}
        for group in groups
        for name in group.columns
        for row in group.rows
        if (cell := row.cells.get(name)) is not None and (base := _base(group, name))
    ]


def _bar_name(group: Group, row: Row, cell: Cell, several: bool) -> str:
    where = f"{group.corpus}/{group.backbone} " if several else ""
    return f"{where}{HEADINGS[cell.metric]} {row.variant}"


def _base(group: Group, name: str) -> float:
    row = next((row for row in group.rows if row.variant == group.baseline), None)
    return row.cells[name].value if row and name in row.cells else 0.0


def to_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows of equal keys as csv text."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
