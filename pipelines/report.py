"""Stage `report`: compare the variants on one offline HTML page, with tables, figures and DVC plots."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from eva import artifacts
from eva import report as pages
from eva.models.packages import weights_note
from eva.plugins import load_plugins
from eva.report.plots import COLUMNS
from eva.report.tables import to_csv
from eva.settings.backbones_section import Backbone
from eva.settings.corpora_section import Corpus
from eva.settings.matrix_section import Matrix
from eva.settings.report_section import Report
from eva.settings.variants_section import Variant

if TYPE_CHECKING:
    from eva.record import StageRun

SAMPLE = Path("data/sample")


def main(
    run: "StageRun",
    report: Report,
    matrix: Matrix,
    corpora: Mapping[str, Corpus],
    variants: Mapping[str, Variant],
    backbones: Mapping[str, Backbone],
    *,
    scores: Path,
    training: Path,
    curves: Path,
    responses: Path,
    levels: Path,
    epitome: Path,
    capability: Path,
    people: Path,
    safety: Path,
    detector: Path,
    estimators: Path,
    out: Path,
    metrics: Path,
    plots: Path,
) -> None:
    """Collect the scores of all variants and write them as the paper's tables and figures."""
    load_plugins(estimators)
    invented = [c for c in matrix.corpora if corpora[c].path.is_relative_to(SAMPLE)]
    inputs = pages.gather(
        title=report.title,
        baseline=report.baseline,
        samples=report.samples,
        items=pages.items(matrix, variants),
        scores=scores,
        responses=responses,
        training=training,
        curves=curves,
        levels=levels,
        epitome=epitome,
        invented=invented,
        capability=capability,
        people=people,
        safety=safety,
        detector=detector,
        paper=report.paper,
        weights={name: note for name in matrix.backbones if (note := weights_note(backbones[name]))},
    )
    page = pages.build(inputs)
    pages.write(page, out)
    artifacts.write_json(metrics, page.headline)
    for name, rows in page.plots.items():
        artifacts.write_text(plots / f"{name}.csv", to_csv(rows, COLUMNS[name]))
    for path in sorted([*out.rglob("*"), *plots.glob("*.csv")]):
        if path.is_file() and path.name != "samples.json":
            run.log_artifact(path)
    run.log_table(out / "samples.json")
    run.log_headline(page.headline)
