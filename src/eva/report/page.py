"""Builds and writes the report: the page, its data and sample responses as JSON, tables, figures."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from eva.artifacts import new_folder, write_json, write_text
from eva.metrics.description import Description
from eva.metrics.type_phrases import PHRASES, TYPE_NAMES
from eva.report import tables
from eva.report.analysis import Analysis, analyse
from eva.report.best import mark_best
from eva.report.comparison import Group, group
from eva.report.drawn import Drawn, draw
from eva.report.inputs import Curve, ReportInputs
from eva.report.pairs import Pair, pairs
from eva.report.paper_values import PAPER_NAMES
from eva.report.parts import AXIS_NAMES, Part, parts
from eva.report.plots import plot_rows
from eva.report.preference_table import PAIR_COLUMNS, pair_cells
from eva.report.provenance import Provenance, provenance
from eva.report.runs import gather_runs
from eva.report.samples import SampleDialogue, sample_dialogues, sample_table
from eva.report.scorecards import Card, cards
from eva.statistics.verdicts import FEWEST_DIALOGUES, SYMBOLS

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Section:
    """Everything that the page shows of one corpus and backbone."""

    group: Group
    analysis: Analysis
    pairs: list[Pair]
    parts: list[Part]
    drawn: Drawn

    @property
    def by_axis(self) -> dict[str, list[Part]]:
        return {axis: list(found) for axis, found in groupby(self.parts, key=lambda part: part.axis)}


@dataclass(frozen=True)
class Report:
    """A built report: the page, its data, its table as text.

    `figures` are SVGs and `tables` rows of csv files, by name; `plots` are rows for DVC plots. `headline` has
    the main numbers for DVC's metrics file, `samples` the sample responses as a table.
    """

    page: str = field(repr=False)
    data: dict[str, Any] = field(repr=False)
    table: str
    figures: dict[str, str] = field(repr=False)
    tables: dict[str, Rows] = field(repr=False)
    plots: dict[str, Rows] = field(repr=False)
    headline: dict[str, float]
    samples: dict[str, list[Any]] = field(repr=False)


def build(inputs: ReportInputs) -> Report:
    """Build the report; equal inputs give an equal report, byte by byte."""
    sections = _sections(inputs)
    groups, analyses = [one.group for one in sections], [one.analysis for one in sections]
    scorers, origin = cards(inputs.scorecards), provenance(inputs.scored)
    weights = {f"weights of {name}": text for name, text in inputs.weights.items()}
    origin = replace(origin, shared={**origin.shared, **weights})
    samples = sample_dialogues(inputs)
    return Report(
        page=_render(inputs, sections, scorers, origin, samples),
        data={
            "title": inputs.title,
            "baseline": inputs.baseline,
            "invented": list(inputs.invented),
            "groups": [one.to_dict() for one in groups],
            "analyses": [asdict(one) for one in analyses],
            "preferences": list(inputs.preferences),
            "scorecards": [asdict(card) for card in scorers],
            "capability": [asdict(table) for table in inputs.capability],
            "safety": [asdict(table) for table in inputs.safety],
            "provenance": asdict(origin),
        },
        table=tables.terminal_table(groups),
        figures=dict(named for one in sections for named in one.drawn.files()),
        tables={
            "comparison": tables.comparison_rows(groups),
            "pairs": tables.pair_rows([pair for one in sections for pair in one.pairs]),
            "slices": tables.part_rows([part for one in sections for part in one.parts]),
            "levels": _level_rows(analyses),
            "phrases": tables.phrase_rows(analyses),
        },
        plots=plot_rows(groups, analyses),
        headline=_headline(groups),
        samples=sample_table(samples),
    )


def write(report: Report, out: Path) -> None:
    """Write the report to the folder `out`, atomically."""
    with new_folder(out) as folder:
        write_text(folder / "index.html", report.page)
        write_json(folder / "report.json", report.data)
        write_json(folder / "samples.json", report.samples)
        write_text(folder / "comparison.txt", report.table)
        for name, rows in report.tables.items():
            write_text(folder / f"{name}.csv", tables.to_csv(rows))
        for name, svg in report.figures.items():
            write_text(folder / "figures" / name, svg)


def _sections(inputs: ReportInputs) -> list[Section]:
    sections = []
    for runs in gather_runs(inputs):
        every = pairs(runs)
        compared = mark_best(group(runs, inputs.baseline, inputs.paper), every)
        analysis = analyse(runs, compared)
        drawn = draw(analysis, inputs.curves)
        sections.append(Section(compared, analysis, every, parts(runs, inputs.baseline), drawn))
    return sections


def _headline(groups: Sequence[Group]) -> dict[str, float]:
    return {
        f"{one.corpus}/{one.backbone}/{row.variant}/{name}": cell.value
        for one in groups
        for row in one.rows
        for name, cell in row.cells.items()
        if name in one.columns and cell.value is not None
    }


def _level_rows(analyses: Sequence[Analysis]) -> Rows:
    return [
        {
            "corpus": one.corpus,
            "backbone": one.backbone,
            "variant": variant,
            "level": level,
            "turns": one.level_counts[variant][level],
            "quartile": place,
            "share": share,
            "reference": one.reference[level][place - 1],
        }
        for one in analyses
        for variant, profile in one.levels.items()
        for level, shares in profile.items()
        for place, share in enumerate(shares, start=1)
    ]


def _render(
    inputs: ReportInputs,
    sections: Sequence[Section],
    scorers: Sequence[Card],
    origin: Provenance,
    samples: Sequence[SampleDialogue],
) -> str:
    package = files(__package__)
    style = package.joinpath("page.css").read_text(encoding="utf-8")
    template = package.joinpath("page.html.jinja").read_text(encoding="utf-8")
    about = {name: one for section in sections for name, one in section.group.about.items()}
    return (
        _environment(about)
        .from_string(template)
        .render(
            inputs=inputs,
            style=Markup(style),  # noqa: S704 - our own file
            sections=sections,
            about=about,
            paper_names=PAPER_NAMES,
            axis_names=AXIS_NAMES,
            type_names=TYPE_NAMES,
            type_phrases=PHRASES,
            curve_metrics=_curve_metrics(inputs.curves),
            cards=scorers,
            pair_columns=PAIR_COLUMNS,
            pair_lines=[pair_cells(row) for row in inputs.preferences],
            samples=samples,
            provenance=origin,
        )
    )


def _environment(about: Mapping[str, Description]) -> Environment:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["number"] = lambda value, metric: f"{value:.{about[metric].decimals}f}"
    environment.filters["change"] = lambda value, metric: tables.format_change(value, about[metric].decimals)
    environment.filters["interval"] = lambda pair, metric: tables.format_interval(
        pair, about[metric].decimals
    )
    environment.filters["brief"] = _brief
    environment.filters["p"] = tables.format_p
    environment.globals["symbols"] = SYMBOLS
    environment.globals["fewest_dialogues"] = FEWEST_DIALOGUES
    return environment


def _brief(text: str) -> str:
    """A digest shortened to its first sixteen digits; other texts unchanged."""
    return f"{text[:16]}…" if re.fullmatch(r"[0-9a-f]{40,64}", text) else text


def _curve_metrics(courses: Sequence[Curve]) -> list[tuple[str, Mapping[str, Any]]]:
    return [(f"{c.stage} {'/'.join(str(part) for part in c.item)}", c.metrics) for c in courses]
