"""Rows of cells as text: aligned columns, Markdown, LaTeX."""

from collections.abc import Collection, Sequence

_LATEX = str.maketrans(
    {
        **{char: f"\\{char}" for char in "&%$#_{}"},
        **{"\\": r"\textbackslash{}", "~": r"$\sim$", "^": r"\^{}", "<": "$<$", ">": "$>$"},
        **{"↓": r"$\downarrow$", "↑": r"$\uparrow$", "≈": r"$\approx$", "−": "$-$", "–": "--"},
        **{"▲": r"$\blacktriangle$", "▼": r"$\blacktriangledown$", "◆": r"$\blacklozenge$", "⚠": "!"},
    }
)


def align(rows: Sequence[Sequence[str]], left: Collection[int] = (0,), gap: str = "  ") -> list[str]:
    """One line per row: columns separated by `gap`, aligned right except those whose index is in `left`."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = (
        gap.join(
            cell.ljust(width) if place in left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
    return [line.rstrip() for line in lines]


def markdown(rows: Sequence[Sequence[str]], left: Collection[int] = (0,)) -> list[str]:
    """A Markdown table; the first row is its head."""
    bars = ["---" if place in left else "---:" for place in range(len(rows[0]))]
    return [f"| {' | '.join(cells)} |" for cells in (rows[0], bars, *rows[1:])]


def latex(rows: Sequence[Sequence[str]], left: Collection[int] = (0,)) -> list[str]:
    """A `tabular` with the rules of `booktabs`; the first row is its head. Triangles need `amssymb`."""
    columns = "".join("l" if place in left else "r" for place in range(len(rows[0])))
    lines = [" & ".join(cell.translate(_LATEX) for cell in row) + r" \\" for row in rows]
    return [
        rf"\begin{{tabular}}{{{columns}}}",
        *(r"\toprule", lines[0], r"\midrule", *lines[1:], r"\bottomrule"),
        r"\end{tabular}",
    ]
