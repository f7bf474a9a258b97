"""The numbers of a built report as Markdown, for `docs/results`, without texts of dialogues."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from eva.report.paper_values import PAPER_NAMES
from eva.report.preference_table import PAIR_COLUMNS, pair_cells
from eva.report.tables import NOT_MEASURED, SIGNS, format_change, format_interval, format_p
from eva.statistics.verdicts import FEWEST_DIALOGUES, SYMBOLS
from eva.text_columns import markdown as as_markdown

_LEGEND = (
    "▲ better than the baseline, ▼ worse, ◆ changed where no direction is better, ≈ within the noise "
    f"(p above .05 after Holm's correction for all tests of the table), no mark below {FEWEST_DIALOGUES} "
    "dialogues, n/m not measured (too few items); brackets: interval of the value. In the "
    "paper's rows = marks "
    "a change of ours in its direction, x one against it; no mark where ours is within the noise. ⚠ more "
    "than 5 % of the row's responses have a defect, named below; (invalid) the row is not what it is called, "
    "and is not compared."
)


def markdown(data: Mapping[str, Any]) -> str:
    """`report.json` as a Markdown page: tables with intervals, differences, scorecards, provenance."""
    lines = [f"# {data['title']}", ""]
    if data["invented"]:
        lines += [
            f"**Demonstration only.** The dialogues of {' and '.join(data['invented'])} are invented: "
            "the numbers only show that the pipeline works, not how good the method is.",
            "",
        ]
    for group in data["groups"]:
        lines += _group(group)
    lines += _preferences(data["preferences"])
    lines += _scorecards(data["scorecards"])
    lines += _provenance(data["provenance"]["shared"])
    return "\n".join(lines).rstrip() + "\n"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table with left-aligned names and right-aligned numbers, and a blank line."""
    return [*as_markdown([head, *rows]), ""]


def _group(group: Mapping[str, Any]) -> Iterator[str]:
    rows = [row for row in group["rows"] if row["cells"]]
    seeds = sorted({seed for row in rows for seed in row["seeds"]})
    sizes = sorted({(row["n_dialogues"], row["n_responses"]) for row in rows})
    counted = " or ".join(f"{dialogues} dialogues with {turns} supporter turns" for dialogues, turns in sizes)
    yield f"## {group['corpus']}, {group['backbone']}"
    yield ""
    yield f"{counted}; seeds {', '.join(map(str, seeds))}; baseline `{group['baseline']}`. {_LEGEND}"
    yield ""
    for title, names in (("Comparison", group["columns"]), ("Wording", group["wording"])):
        if names:
            yield from _values(title, names, rows, group)
        if names and title == "Comparison":
            yield from _cautions(rows, group)
    yield from _differences(rows, group)


def _values(
    title: str, names: Sequence[str], rows: Sequence[Mapping[str, Any]], group: Mapping[str, Any]
) -> Iterator[str]:
    lines = []
    columns = [group["about"][name] for name in names]
    for row in rows:
        cells = [row["cells"].get(name) for name in names]
        lines.append([row_name(row), *map(_value, cells, columns)])
        if any(cell and cell["plug_in"] is not None for cell in cells):
            lines.append(
                [
                    "*plug-in*",
                    *(_plain(cell and cell["plug_in"], a) for cell, a in zip(cells, columns, strict=True)),
                ]
            )
        if any(row["cells"][name]["paper"] is not None for name in names if name in row["cells"]):
            paper = f"*paper, {PAPER_NAMES[group['paper']]}*"
            lines.append([paper, *map(_paper, cells, columns)])
    if group["people"]:
        cells = [group["people"]["cells"].get(name) for name in names]
        lines.append([group["people"]["variant"], *map(_value, cells, columns)])
    for name, floor in (("plug-in floor", group["floor"]), ("same size", group["same_size"])):
        if any(column in floor for column in names):
            lines.append([name, *map(_plain, (floor.get(one) for one in names), columns)])
    yield f"### {title}"
    yield ""
    yield from table(["", *(column["heading"] for column in columns)], lines)


def row_name(row: Mapping[str, Any], strong: str = "**") -> str:
    """The variant between marks of emphasis, with a word where its responses have defects."""
    if not row["cautions"]:
        return f"{strong}{row['variant']}{strong}"
    return f"{strong}{row['variant']}{strong} {'(invalid)' if _is_invalid(row) else '⚠'}"


def _is_invalid(row: Mapping[str, Any]) -> bool:
    return any(one["is_invalid"] for one in row["cautions"])


def _cautions(rows: Sequence[Mapping[str, Any]], group: Mapping[str, Any]) -> Iterator[str]:
    said = [f"- {row_name(row)}: {one['text']}." for row in rows for one in row["cautions"]]
    said += [f"- {note}" for note in group["notes"]]
    if said:
        yield from [*said, ""]


def _value(cell: Mapping[str, Any] | None, about: Mapping[str, Any]) -> str:
    if cell is None:
        return "n/a"
    if cell["value"] is None or not cell["measured"]:
        return NOT_MEASURED
    interval = f"<br>[{format_interval(cell['ci'], about['decimals'])}]" if cell["ci"] else ""
    return f"{cell['value']:.{about['decimals']}f} {SYMBOLS[cell['versus']]}".rstrip() + interval


def _paper(cell: Mapping[str, Any] | None, about: Mapping[str, Any]) -> str:
    if cell is None or cell["paper"] is None:
        return ""
    return f"*{cell['paper']:.{about['decimals']}f}* {SIGNS[cell['agrees']]}".rstrip()


def _plain(value: float | None, about: Mapping[str, Any]) -> str:
    return "" if value is None else f"{value:.{about['decimals']}f}"


def _differences(rows: Sequence[Mapping[str, Any]], group: Mapping[str, Any]) -> Iterator[str]:
    compared = [row for row in rows if any(cell["difference"] is not None for cell in row["cells"].values())]
    if not compared:
        return
    yield f"### Differences from `{group['baseline']}`: interval, p before and after Holm, effect size"
    yield ""
    for row in compared:
        cells = [row["cells"][name] for name in group["columns"] if name in row["cells"]]
        lines = [
            _difference(cell, group["about"][cell["metric"]])
            for cell in cells
            if cell["difference"] is not None and cell["measured"]
        ]
        yield from table([row["variant"], "difference", "interval", "p", "p, Holm", "d", ""], lines)


def _difference(cell: Mapping[str, Any], about: Mapping[str, Any]) -> list[str]:
    ends = [format_change(end, about["decimals"]) for end in cell["difference_ci"] or ()]
    return [
        about["heading"],
        format_change(cell["difference"], about["decimals"]),
        " to ".join(ends),
        format_p(cell["p_value"]),
        format_p(cell["p_adjusted"]),
        "" if cell["effect_size"] is None else f"{cell['effect_size']:+.2f}",
        SYMBOLS[cell["versus"]],
    ]


def _preferences(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not rows:
        return
    yield "## Preference pairs: how chosen and rejected responses differ"
    yield ""
    yield from table(list(PAIR_COLUMNS.values()), [pair_cells(row) for row in rows])


def _scorecards(cards: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not cards:
        return
    yield "## Scorers, on rows they were not trained on"
    yield ""
    keys = ("accuracy", "majority_accuracy", "macro_f1", "ece")
    head = ["scorer", "rows", "accuracy", "commonest class", "macro F1", "calibration error", "evidence"]
    lines = [
        [card["name"], str(card["n"]), *(f"{card[key]:.3f}" for key in keys), card["evidence"]]
        for card in cards
    ]
    yield from table(head, lines)


def _provenance(shared: Mapping[str, str]) -> Iterator[str]:
    yield "## Provenance"
    yield ""
    yield from table(["", ""], [[key, f"`{value}`"] for key, value in sorted(shared.items())])
