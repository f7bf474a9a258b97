"""Building the report and writing it: `index.html`, `report.json`, `comparison.txt` and csv files."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from eva.artifacts import new_folder, write_json, write_text
from eva.evaluation.report import figures
from eva.evaluation.report.analysis import Analysis, analyse
from eva.evaluation.report.comparison import HEADINGS, Group, group
from eva.evaluation.report.inputs import Curve, ReportInputs
from eva.evaluation.report.provenance import Provenance, provenance
from eva.evaluation.report.samples import sample_dialogues
from eva.evaluation.report.scorecards import Card, cards
from eva.evaluation.report.tables import (
    comparison_rows,
    format_interval,
    format_value,
    plot_rows,
    terminal_table,
    to_csv,
)


@dataclass(frozen=True)
class Report:
    """A built report: the page, its data, its table as text.

    `headline` are the few numbers for a metrics file; `bars` are rows {variant, value} of every
    metric in units of the baseline's, for a DVC plot.
    """

    page: str = field(repr=False)
    data: dict[str, Any] = field(repr=False)
    table: str
    comparison: list[dict[str, Any]] = field(repr=False)
    levels: list[dict[str, Any]] = field(repr=False)
    bars: list[dict[str, Any]] = field(repr=False)
    headline: dict[str, float]


def build(inputs: ReportInputs) -> Report:
    """Compare, draw and render; equal inputs give an equal report."""
    groups = group(inputs)
    analyses = [analyse(inputs, one) for one in groups]
    scorers, origin = cards(inputs.scorecards), provenance(inputs.scored)
    data = {
        "title": inputs.title,
        "baseline": inputs.baseline,
        "invented": list(inputs.invented),
        "groups": [one.to_dict() for one in groups],
        "analyses": [asdict(one) for one in analyses],
        "scorecards": [asdict(card) for card in scorers],
        "capability": [asdict(table) for table in inputs.capability],
        "provenance": asdict(origin),
    }
    return Report(
        page=_render(inputs, groups, analyses, scorers, origin),
        data=data,
        table=terminal_table(groups),
        comparison=comparison_rows(groups),
        levels=_level_rows(analyses),
        bars=plot_rows(groups),
        headline=_headline(groups),
    )


def write(report: Report, out: Path) -> None:
    """Write the report into folder `out`, in one step."""
    with new_folder(out) as folder:
        write_text(folder / "index.html", report.page)
        write_json(folder / "report.json", report.data)
        write_text(folder / "comparison.txt", report.table)
        write_text(folder / "comparison.csv", to_csv(report.comparison))
        write_text(folder / "levels.csv", to_csv(report.levels))


def _headline(groups: Sequence[Group]) -> dict[str, float]:
    return {
        f"{one.corpus}/{one.backbone}/{row.variant}/{name}": cell.value
        for one in groups
        for row in one.rows
        for name, cell in row.cells.items()
    }


def _level_rows(analyses: Sequence[Analysis]) -> list[dict[str, Any]]:
    return [
        {
            "corpus": one.corpus,
            "backbone": one.backbone,
            "variant": variant,
            "level": level,
            "quartile": place,
            "share": share,
            "reference": one.reference[level][place - 1],
        }
        for one in analyses
        for variant, profile in one.levels.items()
        for level, shares in profile.items()
        for place, share in enumerate(shares, start=1)
    ]


@dataclass(frozen=True)
class _Drawn:
    """The figures of one corpus and backbone, as SVG."""

    profiles: dict[str, Markup]
    response_types: Markup | None
    repetition: Markup | None
    curves: dict[str, Markup]


def _draw(inputs: ReportInputs, analysis: Analysis) -> _Drawn:
    types, repeated = analysis.response_types, analysis.repetition
    return _Drawn(
        profiles={
            variant: _safe(figures.level_profile(variant, profile, analysis.reference))
            for variant, profile in analysis.levels.items()
        },
        response_types=_safe(figures.response_types(types)) if types else None,
        repetition=_safe(figures.repetition(repeated)) if repeated else None,
        curves={
            stage: _safe(figures.curves(stage, courses)) for stage, courses in _curves_of(inputs, analysis)
        },
    )


def _safe(svg: str) -> Markup:
    """Our own SVG, in which matplotlib has escaped every text."""
    return Markup(svg)  # noqa: S704


def _curves_of(inputs: ReportInputs, analysis: Analysis) -> list[tuple[str, list[Curve]]]:
    own = [
        c for c in inputs.curves if (c.item.corpus, c.item.backbone) == (analysis.corpus, analysis.backbone)
    ]
    return [(stage, list(found)) for stage, found in groupby(own, key=lambda curve: curve.stage)]


def _render(
    inputs: ReportInputs,
    groups: Sequence[Group],
    analyses: Sequence[Analysis],
    scorers: Sequence[Card],
    origin: Provenance,
) -> str:
    package = files(__package__)
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["number"] = lambda value, metric: format_value(metric, value)
    environment.filters["interval"] = lambda pair, metric: format_interval(metric, pair)
    environment.tests["evaeval"] = lambda name: name.startswith("evaeval")
    template = environment.from_string(package.joinpath("page.html.jinja").read_text(encoding="utf-8"))
    style = package.joinpath("page.css").read_text(encoding="utf-8")
    return template.render(
        inputs=inputs,
        style=Markup(style),  # noqa: S704 - our own file
        parts=list(zip(groups, analyses, [_draw(inputs, one) for one in analyses], strict=True)),
        headings=HEADINGS,
        definitions=_definitions(inputs, groups),
        curve_metrics=_curve_metrics(inputs.curves),
        cards=scorers,
        samples=sample_dialogues(inputs),
        provenance=origin,
    )


def _definitions(inputs: ReportInputs, groups: Sequence[Group]) -> dict[str, str]:
    """What each column of the tables is, as the scores say."""
    wanted = {name for one in groups for name in one.columns}
    found = {
        name: value["definition"]
        for scored in inputs.scored
        for name, value in scored.scores["metrics"].items()
    }
    return {name: found[name] for name in HEADINGS if name in wanted}


def _curve_metrics(courses: Sequence[Curve]) -> list[tuple[str, Mapping[str, Any]]]:
    return [(f"{c.stage} {'/'.join(str(part) for part in c.item)}", c.metrics) for c in courses]
