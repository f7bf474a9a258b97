"""The report's tables: plain text for the terminal, rows for csv files, lists for the page."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eva.evaluation.report.comparison import HEADINGS, PAPER_BACKBONE, Cell, Group, Row
from eva.evaluation.report.inputs import ReportInputs, Scored
from eva.evaluation.repetition import THRESHOLDS
from eva.evaluation.response_types import TYPE_NAMES

MARKS = {"better": "+", "worse": "-", "changed": "*", "noise": "~", None: " "}
SIGNS = {True: "=", False: "x", None: " "}
_PERCENT = ("overlap/", "diversity/")


def format_value(metric: str, value: float) -> str:
    """As the paper prints it: percentages to two places, the rest to four."""
    return f"{value:.2f}" if metric.startswith(_PERCENT) else f"{value:.4f}"


def terminal_table(groups: Sequence[Group]) -> str:
    """The comparison as aligned plain text, one block per corpus and backbone."""
    blocks = [_block(group) for group in groups]
    legend = (
        "Against the baseline: + better, - worse, * changed, ~ within the noise (interval of the difference "
        "holds 0).\nThe paper's Mistral below ours: = same direction as ours, x opposite; unmarked where ours "
        "is within the noise.\nL1 to L4 and Avg. are EVAEval in the sum form that the paper's tables need; "
        "Eq. 1 is the mean form."
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
    heading = [head[0].ljust(widths[0]), *(f"{n} ".rjust(w) for n, w in zip(head[1:], widths[1:], strict=True))]
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


@dataclass(frozen=True)
class Phrases:
    """The most frequent phrases of one variant, with the percent of its responses that have each."""

    variant: str
    rows: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Analysis:
    """What the figures of one corpus and backbone show, seeds averaged."""

    corpus: str
    backbone: str
    levels: dict[str, dict[str, list[float]]]
    reference: dict[str, list[float]]
    response_types: dict[str, dict[str, float]]
    repetition: dict[str, dict[str, float]]
    phrases: tuple[Phrases, ...]


def analyse(inputs: ReportInputs, group: Group) -> Analysis:
    """Level profiles, response types and repetition of a group's variants."""
    members = {
        row.variant: [
            scored
            for scored in inputs.scored
            if (scored.item.corpus, scored.item.backbone, scored.item.variant)
            == (group.corpus, group.backbone, row.variant)
            and scored.applies
        ]
        for row in group.rows
    }
    runs = {variant: found for variant, found in members.items() if found}
    with_levels = {v: found for v, found in runs.items() if "evaeval" in found[0].scores["details"]}
    first = next(iter(with_levels.values()), None)
    return Analysis(
        corpus=group.corpus,
        backbone=group.backbone,
        levels={variant: _mean_profile(found) for variant, found in with_levels.items()},
        reference=first[0].scores["details"]["evaeval"]["V"] if first else {},
        response_types=_mean_metrics(runs, "response_type", TYPE_NAMES),
        repetition={
            variant: {key.removeprefix("over_"): value for key, value in row.items()}
            for variant, row in _mean_metrics(runs, "repetition", [f"over_{t}" for t in THRESHOLDS]).items()
        },
        phrases=tuple(_phrases(variant, found[0]) for variant, found in runs.items()),
    )


def _mean_profile(runs: Sequence[Scored]) -> dict[str, list[float]]:
    profiles = [scored.scores["details"]["evaeval"]["T"] for scored in runs]
    return {
        level: [sum(column) / len(column) for column in zip(*(p[level] for p in profiles), strict=True)]
        for level in profiles[0]
    }


def _mean_metrics(
    runs: Mapping[str, Sequence[Scored]], family: str, names: Iterable[str]
) -> dict[str, dict[str, float]]:
    """Values of `<family>/<name>` by variant; variants without the family are left out."""
    listed = list(names)
    return {
        variant: {
            name: sum(s.scores["metrics"][f"{family}/{name}"]["value"] for s in found) / len(found)
            for name in listed
        }
        for variant, found in runs.items()
        if all(f"{family}/{name}" in found[0].scores["metrics"] for name in listed)
    }


def _phrases(variant: str, scored: Scored, size: int = 4) -> Phrases:
    order = str(scored.scores["provenance"]["ngram"])
    rows = scored.scores["details"].get("repetition", {}).get(order, [])[:size]
    return Phrases(variant, tuple((row["phrase"], row["response_share"]) for row in rows))


@dataclass(frozen=True)
class Provenance:
    """What all items of the report share, and what is each item's own, as text."""

    shared: dict[str, str]
    columns: tuple[str, ...]
    items: tuple[tuple[str, tuple[str, ...]], ...]


def provenance(scored: Sequence[Scored]) -> Provenance:
    """Everything the scores say about where they come from, told once where it is the same for all."""
    flat = {"/".join(str(part) for part in s.item): _flatten(s.scores["provenance"]) for s in scored}
    keys = list(dict.fromkeys(key for row in flat.values() for key in row))
    values = {key: {row.get(key, "–") for row in flat.values()} for key in keys}
    shared = {key: next(iter(found)) for key, found in values.items() if len(found) == 1}
    own = tuple(key for key in keys if key not in shared and key not in {"corpus", "backbone", "variant"})
    return Provenance(
        shared, own, tuple((name, tuple(row.get(key, "–") for key in own)) for name, row in flat.items())
    )


def _flatten(value: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, inner in value.items():
        if isinstance(inner, Mapping):
            flat |= _flatten(inner, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = str(inner)
    return flat
