"""Forecasts as a text table with one row per stage."""

from collections.abc import Iterator, Sequence

from eva.fit.forecast import Forecast, disk_of, gigabytes

_HEAD = ("stage", "items", "tokens", "steps", "precision", "memory", "disk", "time")


def table(forecasts: Sequence[Forecast], to_run: frozenset[str] | None, device: bool) -> str:
    """The table of all stages and the total.

    Args:
        forecasts: the forecasts of all items.
        to_run: names of the items that would run, or None for all; of the others only the number is shown.
        device: whether the column `memory` is that of the GPU, else main memory.
    """
    return aligned([_HEAD, *_rows(forecasts, to_run, device), _total(forecasts, to_run, device)])


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows as text: the first column to the left, the others to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            row[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def duration(seconds: float) -> str:
    """A time in seconds as text with a suitable unit."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def waiting(forecasts: Sequence[Forecast], to_run: frozenset[str] | None) -> list[Forecast]:
    """The items that would run."""
    return [one for one in forecasts if to_run is None or one.name in to_run]


def _rows(
    forecasts: Sequence[Forecast], to_run: frozenset[str] | None, device: bool
) -> Iterator[tuple[str, ...]]:
    for stage in dict.fromkeys(one.cost.stage for one in forecasts):
        own = [one for one in forecasts if one.cost.stage == stage]
        run = waiting(own, to_run)
        items = str(len(own)) if len(run) == len(own) else f"{len(run)} of {len(own)}"
        yield (stage, items, *_figures(run, device))


def _total(forecasts: Sequence[Forecast], to_run: frozenset[str] | None, device: bool) -> tuple[str, ...]:
    run = waiting(forecasts, to_run)
    memory, disk, time = _figures(run, device)[3:]
    return ("total", str(len(run)), "", "", "", memory, disk, time)


def _figures(run: Sequence[Forecast], device: bool) -> tuple[str, str, str, str, str, str]:
    if not run:
        return "", "", "", "", "", ""
    tokens, steps = (
        sum(values) for values in zip(*((o.cost.tokens, o.cost.steps) for o in run), strict=True)
    )
    precisions = sorted({one.cost.precision for one in run if one.cost.precision})
    memory = max(one.device if device else one.memory for one in run)
    disk = disk_of([one.cost for one in run])
    known = [one.seconds for one in run if one.seconds is not None]
    more = "" if len(known) == len(run) else " + ?"
    return (
        _count(tokens),
        _count(steps),
        "/".join(precisions),
        gigabytes(memory) if memory else "",
        gigabytes(disk) if disk >= 5e7 else "",
        duration(sum(known)) + more,
    )


def _count(value: float) -> str:
    if value < 0.5:
        return ""
    for size, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= 10 * size:
            return f"{value / size:.0f} {name}"
    return f"{value:.0f}"
