"""Stage `report`: the comparison as one offline page, tables, figures for MLflow and DVC plots."""

from pathlib import Path

from eva import artifacts
from eva import report as pages
from eva.record import StageRun
from eva.report.plots import COLUMNS
from eva.report.tables import to_csv
from eva.settings.params_file import Settings
from pipelines.harness import stage

SAMPLE = Path("data/sample")


@stage("report")
def main(
    run: StageRun,
    settings: Settings,
    *,
    scores: Path,
    training: Path,
    curves: Path,
    responses: Path,
    levels: Path,
    epitome: Path,
    capability: Path,
    out: Path,
    metrics: Path,
    plots: Path,
) -> None:
    """Gather every variant's scores and lay them out as the paper's tables and figures."""
    row = settings.report
    invented = [c for c in settings.matrix.corpora if settings.corpora[c].path.is_relative_to(SAMPLE)]
    inputs = pages.gather(
        title=row.title,
        baseline=row.baseline,
        samples=row.samples,
        items=pages.items(settings.matrix, settings.variants),
        scores=scores,
        responses=responses,
        training=training,
        curves=curves,
        levels=levels,
        epitome=epitome,
        invented=invented,
        capability=capability,
        paper=row.paper,
    )
    report = pages.build(inputs)
    pages.write(report, out)
    artifacts.write_json(metrics, report.headline)
    for name, rows in report.plots.items():
        artifacts.write_text(plots / f"{name}.csv", to_csv(rows, COLUMNS[name]))
    for path in sorted([*out.rglob("*"), *plots.glob("*.csv")]):
        if path.is_file():
            run.log_artifact(path)
    run.log_metrics(report.headline)


if __name__ == "__main__":
    main()
