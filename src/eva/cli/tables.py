"""Scores and comparisons as aligned text."""

from collections.abc import Sequence

from eva.evaluation.compare import Difference
from eva.evaluation.score import ScoreResult


def score_table(result: ScoreResult) -> str:
    """One line a metric; the column `noise` (what the reference itself gets) only where some have it."""
    values = result.metrics
    floors = any(value.noise_floor is not None for value in values.values())
    rows = [["metric", "value", "interval", *(["noise"] if floors else []), "n", "unit"]]
    for name, value in values.items():
        floor = [_number(value.noise_floor)] if floors else []
        rows.append([name, _number(value.value), _interval(value.ci), *floor, str(value.n), value.unit])
    return _aligned(rows, left=(0, len(rows[0]) - 1))


def comparison_table(differences: Sequence[Difference]) -> str:
    """One line a metric: both values, their difference with interval, p, effect size and what it means."""
    rows = [["metric", "ours", "baseline", "difference", "interval", "p", "effect", "verdict"]]
    rows += [
        [
            row.metric,
            _number(row.ours),
            _number(row.theirs),
            _signed(row.difference),
            _interval(row.ci),
            _number(row.p_value),
            "-" if row.effect_size is None else f"{row.effect_size:+.2f}",
            verdict(row),
        ]
        for row in differences
    ]
    return _aligned(rows, left=(0, len(rows[0]) - 1))


def verdict(row: Difference) -> str:
    """`better`, `worse`, `differs` (no direction is better as such), `within noise`, or no interval."""
    if row.within_noise is None:
        return "no interval"
    if row.within_noise:
        return "within noise"
    return {"ours": "better", "theirs": "worse", None: "differs"}[row.better]


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    text = f"{value:.2f}" if abs(value) >= 1 else f"{value:.4f}"
    return text.removeprefix("-") if float(text) == 0 else text


def _signed(value: float) -> str:
    text = _number(value)
    return text if text.startswith("-") or float(text) == 0 else f"+{text}"


def _interval(ci: tuple[float, float] | None) -> str:
    return "-" if ci is None else f"{_number(ci[0])} to {_number(ci[1])}"


def _aligned(rows: Sequence[Sequence[str]], left: Sequence[int]) -> str:
    """Columns two blanks apart, flush right but for those in `left`."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = (
        "  ".join(
            cell.ljust(width) if i in left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)
