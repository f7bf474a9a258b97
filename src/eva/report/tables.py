"""The comparison as plain text for the terminal, and as rows for csv files."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from textwrap import wrap
from typing import Any

from eva.report.analysis import Analysis
from eva.report.comparison import Cell, Group, Row
from eva.report.pairs import Pair
from eva.report.paper_values import PAPER_NAMES
from eva.report.parts import Part
from eva.statistics.verdicts import FEWEST_DIALOGUES, MARKS
from eva.text_columns import align

SIGNS = {True: "=", False: "x", None: " "}
NOT_MEASURED = "n/m"
_WIDTH = 118  # of a sentence beneath a table
_LONGEST = 4  # number of decimals from which the zero before the decimal point is left out


def format_change(value: float, decimals: int) -> str:
    """A difference with its sign."""
    size = f"{abs(value):.{decimals}f}"
    return f"{'+' if value > 0 else '−'}{_short(size)}" if float(size) else "0"


def format_interval(interval: Sequence[float], decimals: int) -> str:
    """Both ends of an interval, short enough for thirteen columns on a screen."""
    low, high = (_short(f"{end:.{decimals}f}") for end in interval)
    return f"{low}–{high}"


def format_p(value: float | None) -> str:
    """A p-value with three decimals, such as `.012` or `< .001`; '' for None."""
    if value is None:
        return ""
    return "< .001" if value < 0.0005 else f"{value:.3f}".removeprefix("0")


def _short(text: str) -> str:
    return text.removeprefix("0") if len(text.partition(".")[2]) >= _LONGEST else text


def terminal_table(groups: Sequence[Group]) -> str:
    """The comparison as aligned plain text, one block per corpus and backbone."""
    blocks = [_block(group) for group in groups]
    paper = " and ".join(sorted({PAPER_NAMES[group.paper] for group in groups}))
    legend = (
        "Against the baseline: + better, - worse, * changed, ~ within the noise (p above .05 after Holm's "
        "correction\nfor all tests of the table); no mark: not measured, or fewer than "
        f"{FEWEST_DIALOGUES} dialogues.\n"
        f"The paper's {paper} below ours: = same direction as ours, x opposite, unmarked within our noise.\n"
        "L1 to L4, Avg.: EVAEval in the sum form of the paper's tables, bias-corrected; plug-in: without\n"
        "correction, as in the paper. Joint: the form that also depends on how often a level occurs.\n"
        "n/a: the variant does not apply; n/m: not measured (too few items).\n"
        "!: more than 5 % of the responses have a defect, named below; (invalid): the row is not what it is\n"
        "called, and is not compared."
    )
    return "\n\n".join([*blocks, legend]) + "\n"


def _block(group: Group) -> str:
    columns = [group.about[name] for name in group.columns]
    lines = [["", *(f"{column.heading} " for column in columns)]]
    for row in group.rows:
        lines.append([_name(row), *(_plain(row.cells.get(one.name), one.decimals) for one in columns)])
        if row.has_plug_in(group.columns):
            lines.append(["  plug-in", *(_plug_in(row.cells.get(one.name), one.decimals) for one in columns)])
        if row.in_paper(group.columns):
            cells = [(row.cells.get(one.name), one.decimals) for one in columns]
            lines.append(["  paper", *(_plain_paper(cell, decimals) for cell, decimals in cells)])
    if group.people:
        people = [_plain(group.people.cells.get(one.name), one.decimals) for one in columns]
        lines.append([group.people.variant, *people])
    for name, values in (("plug-in floor", group.floor), ("  same size", group.same_size)):
        if values:
            lines.append([name, *(_plain_floor(values.get(one.name), one.decimals) for one in columns)])
    sizes = {(row.n_dialogues, row.n_responses) for row in group.rows if row.cells}
    counts = " or ".join(f"{d} dialogues, {r} responses" for d, r in sorted(sizes))
    seeds = ", ".join(str(seed) for seed in group.rows[0].seeds)
    title = f"{group.corpus}, {group.backbone} (seeds {seeds}; {counts}); baseline {group.baseline}"
    said = [f"{_name(row)}: {one.text}" for row in group.rows for one in row.cautions]
    sentences = [line for text in (*said, *group.notes) for line in wrap(text, _WIDTH)]
    return "\n".join([title, *align(lines, gap=" "), *sentences])


def _name(row: Row) -> str:
    """The variant, with a mark if its responses have defects."""
    return f"{row.variant} {'(invalid)' if row.is_invalid else '!'}" if row.cautions else row.variant


def _plain(cell: Cell | None, decimals: int) -> str:
    if cell is None:
        return "n/a "
    if cell.value is None or not cell.measured:
        return f"{NOT_MEASURED} "
    return f"{cell.value:.{decimals}f}{MARKS[cell.versus]}"


def _plug_in(cell: Cell | None, decimals: int) -> str:
    return _plain_floor(cell.plug_in if cell else None, decimals)


def _plain_paper(cell: Cell | None, decimals: int) -> str:
    if cell is None or cell.paper is None:
        return ""
    return f"{cell.paper:.{decimals}f}{SIGNS[cell.agrees]}"


def _plain_floor(value: float | None, decimals: int) -> str:
    return "" if value is None else f"{value:.{decimals}f} "


def comparison_rows(groups: Sequence[Group]) -> list[dict[str, Any]]:
    """One row per corpus, backbone, variant and metric, for `comparison.csv`."""
    return [
        {**_place(group), "variant": row.variant, **_cell_row(cell), "seeds": len(row.seeds)}
        for group in groups
        for row in group.rows
        for cell in row.cells.values()
    ]


def part_rows(found: Sequence[Part]) -> list[dict[str, Any]]:
    """One row per part, variant and metric, for `slices.csv`."""
    return [
        {
            **_place(part.group),
            "axis": part.axis,
            "part": part.part,
            "variant": row.variant,
            "n_dialogues": row.n_dialogues,
            "n_responses": row.n_responses,
            **{key: value for key, value in _cell_row(cell).items() if not key.startswith("paper")},
        }
        for part in found
        for row in part.group.rows
        for cell in row.cells.values()
    ]


def pair_rows(found: Sequence[Pair]) -> list[dict[str, Any]]:
    """One row per pair of variants and metric, for `pairs.csv`."""
    return [
        {
            "corpus": pair.corpus,
            "backbone": pair.backbone,
            "ours": pair.ours,
            "theirs": pair.theirs,
            "metric": name,
            "difference": one.difference,
            "low": one.ci[0] if one.ci else None,
            "high": one.ci[1] if one.ci else None,
            "p_value": one.p_value,
            "p_adjusted": one.p_adjusted,
            "effect_size": one.effect_size,
            "verdict": one.verdict,
        }
        for pair in found
        for name, one in pair.differences.items()
    ]


def phrase_rows(analyses: Sequence[Analysis]) -> list[dict[str, Any]]:
    """One row per variant, phrase length and phrase, for `phrases.csv`."""
    return [
        {
            "corpus": one.corpus,
            "backbone": one.backbone,
            "variant": spoken.variant,
            "seed": spoken.seed,
            "words": order,
            **asdict(phrase),
        }
        for one in analyses
        for spoken in one.phrases
        for order, phrases in spoken.by_order.items()
        for phrase in phrases
    ]


def _place(group: Group) -> dict[str, str]:
    return {"corpus": group.corpus, "backbone": group.backbone}


def _cell_row(cell: Cell) -> dict[str, Any]:
    low, high = cell.ci or (None, None)
    difference_low, difference_high = cell.difference_ci or (None, None)
    return {
        "metric": cell.metric,
        "value": cell.value,
        "low": low,
        "high": high,
        "n": cell.n,
        "measured": cell.measured,
        "plug_in": cell.plug_in,
        "difference": cell.difference,
        "difference_low": difference_low,
        "difference_high": difference_high,
        "p_value": cell.p_value,
        "p_adjusted": cell.p_adjusted,
        "effect_size": cell.effect_size,
        "versus": cell.versus,
        "paper": cell.paper,
        "paper_change": cell.paper_change,
        "paper_agrees": cell.agrees,
    }


def to_csv(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] = ()) -> str:
    """Rows with the same keys as csv text; `columns` are its header if there is no row."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns or list(rows[0] if rows else ()), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
