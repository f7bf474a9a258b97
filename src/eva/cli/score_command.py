"""`eva score`: metrics of any file of responses, and a paired comparison of two."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from eva.artifacts import write_json
from eva.cli.evaluate_settings import evaluate_settings, metric_words
from eva.errors import InputError
from eva.settings.evaluate_section import Evaluate

if TYPE_CHECKING:
    from eva.cli.metric_choice import Choice, ScorerFolder
    from eva.cli.response_files import ResponseFile
    from eva.metrics.compare import Difference
    from eva.metrics.score import ScoreResult


def score(
    responses: Annotated[Path, typer.Argument(metavar="FILE.jsonl", help="one response a line")],
    metrics: Annotated[
        str | None,
        typer.Option(help="families or names of metrics, separated by commas; see `eva metrics`"),
    ] = None,
    scorers: Annotated[
        str | None,
        typer.Option(help="folder, models:/NAME@ALIAS or models:/NAME/VERSION; by default models/"),
    ] = None,
    json: Annotated[
        Path | None, typer.Option("--json", help="write values, definitions and provenance here")
    ] = None,
    baseline: Annotated[
        Path | None, typer.Option(metavar="OTHER.jsonl", help="compare with this file of the same turns")
    ] = None,
    params: Annotated[
        Path | None, typer.Option(help="params file, of which section `evaluate` is used; params.yaml")
    ] = None,
    allow_empty: Annotated[
        bool, typer.Option("--allow-empty", help="accept empty responses; they have no words")
    ] = False,
) -> None:
    """Score a file of responses, and compare it with another.

    A line is an object with dialogue_id, turn, n_turns, history (a list of
    role and content), response and, if known, reference. `turn` counts the
    supporter's turns of the whole dialogue from 1, `n_turns` is their number.
    """
    from eva.cli.metric_choice import choose, scorer_folder
    from eva.cli.project_plugins import load_project_plugins
    from eva.cli.response_files import read_all
    from eva.metrics.selection import select

    paths = [responses] if baseline is None else [responses, baseline]
    _check_out(json, paths)
    plugins = load_project_plugins("estimators", "metrics", params=params)
    settings, folder = evaluate_settings(params), scorer_folder(scorers)
    wanted = select(settings.metrics if metrics is None else metric_words(metrics))
    files = read_all(paths, allow_empty=allow_empty)
    choice = choose(wanted, files, folder, only_possible=metrics is None)
    for line in choice.left_out:
        typer.echo(f"left out: {line}", err=True)
    results = _results(files, choice, settings, folder, plugins)
    differences = _differences(results, files, settings)
    for file in files:
        if file.thoughts:
            typer.echo(
                f"note: {file.path}: {file.thoughts} of {len(file.rows)} responses came with a thought, "
                "which was cut out and is not scored",
                err=True,
            )
    for line in dict.fromkeys(note for result in results for note in result.notes):
        typer.echo(f"note: {line}", err=True)
    _show(results, differences, files, settings)
    if json is not None:
        write_json(json, _as_dict(results, differences, files))
        print(f"\nwritten: {json}")


def _check_out(out: Path | None, inputs: Sequence[Path]) -> None:
    if out is None:
        return
    if out.is_dir():
        raise InputError(f"--json {out}: is a folder; name a file to write")
    if out.resolve() in {path.resolve() for path in inputs}:
        raise InputError(f"--json {out}: is a file of responses and would be overwritten; name another")


def _results(
    files: Sequence["ResponseFile"],
    choice: "Choice",
    settings: Evaluate,
    folder: "ScorerFolder",
    plugins: Mapping[str, str],
) -> list["ScoreResult"]:
    """The result of each file; scorers are loaded once, if a metric needs them."""
    from eva.metrics.needs import HISTOGRAM, label_kinds
    from eva.metrics.score import score as score_rows

    scorers, reference = None, None
    origin: dict[str, Any] = {"plugins": plugins} if plugins else {}
    if label_kinds(list(choice.needs)):
        from eva.scorers.trained import Scorers

        scorers = Scorers.below(folder.path)
        reference = scorers.reference() if HISTOGRAM in choice.needs else None
        origin |= scorers.provenance() | ({"scorers_from": folder.version} if folder.version else {})
    return [
        score_rows(
            file.rows,
            choice.metrics,
            settings=settings,
            scorers=scorers,
            reference=reference,
            provenance={**file.provenance(), **origin},
        )
        for file in files
    ]


def _differences(
    results: Sequence["ScoreResult"], files: Sequence["ResponseFile"], settings: Evaluate
) -> list["Difference"]:
    """Ours less the baseline; none without a baseline."""
    from eva.metrics.compare import compare
    from eva.statistics.bootstrap import Resampling

    if len(results) < 2:
        return []
    ours, theirs = (result.measured for result in results)
    names = (str(files[0].path), str(files[1].path))
    return compare([ours], [theirs], Resampling.of(settings), names=names)


def _show(
    results: Sequence["ScoreResult"],
    differences: Sequence["Difference"],
    files: Sequence["ResponseFile"],
    settings: Evaluate,
) -> None:
    from eva.cli.text_tables import comparison_table, score_table

    sample = results[0].sample
    print(
        f"{files[0].path}\nresponses: {len(sample.rows)}, dialogues: {len(sample.dialogues)}; "
        f"{settings.confidence:.0%} intervals over {settings.bootstrap} resamples of dialogues\n"
    )
    print(score_table(results[0]))
    if differences:
        print(f"\ncompared with {files[1].path}, paired by dialogue\n")
        print(comparison_table(differences))


def _as_dict(
    results: Sequence["ScoreResult"], differences: Sequence["Difference"], files: Sequence["ResponseFile"]
) -> dict[str, Any]:
    """The content of `--json`."""
    if len(results) < 2:
        return results[0].to_dict()
    comparison = {
        "baseline": files[1].provenance(),
        "metrics": {name: value.to_dict() for name, value in results[1].metrics.items()},
        "differences": {row.metric: row.to_dict() for row in differences},
    }
    return {**results[0].to_dict(), "comparison": comparison}
