"""The comparison of a built report as LaTeX tables, one for each corpus and backbone."""

from collections.abc import Iterator, Mapping
from typing import Any

from eva.report.markdown import row_name
from eva.report.paper_values import PAPER_NAMES
from eva.report.tables import NOT_MEASURED, SIGNS
from eva.statistics.verdicts import SYMBOLS
from eva.text_columns import latex as as_latex


def latex(data: Mapping[str, Any]) -> str:
    """`report.json` as `tabular`s for booktabs and amssymb; a comment above says what marks mean."""
    lines = [
        r"% triangles: better or worse than the baseline; approx: within the noise; n/m: not measured;",
        r"% in the paper's rows =: a change of ours in its direction, x: one against it.",
    ]
    for group in data["groups"]:
        lines += [f"% {group['corpus']}, {group['backbone']}; baseline {group['baseline']}"]
        lines += as_latex(list(_rows(group)))
    return "\n".join(lines) + "\n"


def _rows(group: Mapping[str, Any]) -> Iterator[list[str]]:
    names, about = group["columns"], group["about"]
    yield ["", *(about[name]["heading"] for name in names)]
    for row in group["rows"]:
        cells = [row["cells"].get(name) for name in names]
        yield [row_name(row, strong=""), *map(_value, cells, (about[name] for name in names))]
        if any(cell and cell["paper"] is not None for cell in cells):
            yield [
                f"paper, {PAPER_NAMES[group['paper']]}",
                *map(_paper, cells, (about[name] for name in names)),
            ]


def _value(cell: Mapping[str, Any] | None, about: Mapping[str, Any]) -> str:
    if cell is None:
        return "n/a"
    if cell["value"] is None or not cell["measured"]:
        return NOT_MEASURED
    return f"{cell['value']:.{about['decimals']}f} {SYMBOLS[cell['versus']]}".rstrip()


def _paper(cell: Mapping[str, Any] | None, about: Mapping[str, Any]) -> str:
    if cell is None or cell["paper"] is None:
        return ""
    return f"{cell['paper']:.{about['decimals']}f} {SIGNS[cell['agrees']]}".rstrip()
