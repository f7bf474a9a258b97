"""`eva score`: metrics of any files of responses, side by side and against a baseline."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from eva.artifacts import digest_file, write_json, write_jsonl
from eva.cli.evaluate_settings import evaluate_settings, metric_words
from eva.cli.score_output import Format, as_dict, check_out, label_rows, show, system_names
from eva.settings.evaluate_section import Evaluate

if TYPE_CHECKING:
    from eva.cli.metric_choice import Choice, ScorerFolder
    from eva.cli.response_files import ResponseFile
    from eva.metrics.compare import Difference
    from eva.metrics.score import ScoreResult


Responses = Annotated[
    list[Path], typer.Argument(metavar="FILE.jsonl…", help="one response a line; one system a file")
]
Metrics = Annotated[
    str | None, typer.Option(help="families or names of metrics, separated by commas; see `eva metrics`")
]
OfScorers = Annotated[
    str | None, typer.Option(help="folder, models:/NAME@ALIAS or models:/NAME/VERSION; by default models/")
]
Reference = Annotated[
    Path | None,
    typer.Option(help="V of EVAEval from this file instead, e.g. data/curated/ROW/reference.json"),
]
Json = Annotated[Path | None, typer.Option("--json", help="write values, definitions and provenance here")]
Labels = Annotated[
    Path | None,
    typer.Option(metavar="FILE.jsonl", help="write every response's labels, type and own values here"),
]
OfFormat = Annotated[Format, typer.Option(help="of the tables; latex takes booktabs and amssymb")]
Baseline = Annotated[
    Path | None, typer.Option(metavar="OTHER.jsonl", help="compare with this file of the same turns")
]
Params = Annotated[
    Path | None, typer.Option(help="params file, of which section `evaluate` is used; params.yaml")
]
AllowEmpty = Annotated[bool, typer.Option("--allow-empty", help="accept empty responses; they have no words")]


def score(
    responses: Responses,
    metrics: Metrics = None,
    scorers: OfScorers = None,
    reference: Reference = None,
    json: Json = None,
    labels: Labels = None,
    format: OfFormat = Format.TEXT,
    baseline: Baseline = None,
    params: Params = None,
    allow_empty: AllowEmpty = False,
) -> None:
    """Score files of responses, one system each, and compare them with a baseline.

    All files have to answer the same turns, given the same histories.

    A line is an object with dialogue_id, turn, n_turns, history (a list of
    role and content), response and, if known, reference. `turn` counts the
    supporter's turns of the whole dialogue from 1, `n_turns` is their number.
    """
    from eva.cli.metric_choice import choose, scorer_folder
    from eva.cli.project_plugins import load_project_plugins
    from eva.cli.response_files import read_all
    from eva.metrics.selection import select

    paths = [*responses, *([] if baseline is None else [baseline])]
    check_out(json, labels, paths)
    plugins = load_project_plugins("estimators", "metrics", params=params)
    settings, folder = evaluate_settings(params), scorer_folder(scorers)
    wanted = select(settings.metrics if metrics is None else metric_words(metrics))
    files = read_all(paths, allow_empty=allow_empty)
    choice = choose(wanted, files, folder, only_possible=metrics is None)
    for line in choice.left_out:
        typer.echo(f"left out: {line}", err=True)
    found = _results(files, choice, settings, folder, reference, plugins)
    results = dict(zip(system_names(paths), found, strict=True))
    differences = {} if baseline is None else _differences(results, settings)
    for line in _notes(files, results):
        typer.echo(f"note: {line}", err=True)
    show(results, differences, settings, format)
    if json is not None:
        write_json(json, as_dict(results, differences, files))
    if labels is not None:
        write_jsonl(labels, label_rows(results))
    if written := [str(one) for one in (json, labels) if one is not None]:
        typer.echo(f"\nwritten: {', '.join(written)}", err=format is not Format.TEXT)


def _notes(files: Sequence["ResponseFile"], results: Mapping[str, "ScoreResult"]) -> list[str]:
    """What a reader of the values has to know, each once."""
    from eva.data.comparability import missing_turns

    lacking = missing_turns(files[0].rows)  # all files have the same turns
    thoughts = [
        f"{file.path}: {file.thoughts} of {len(file.rows)} responses came with a thought, which was cut out "
        "and is not scored"
        for file in files
        if file.thoughts
    ]
    said = [note for result in results.values() for note in result.notes]
    return list(dict.fromkeys([*thoughts, *([lacking] if lacking else []), *said]))


def _results(
    files: Sequence["ResponseFile"],
    choice: "Choice",
    settings: Evaluate,
    folder: "ScorerFolder",
    given: Path | None,
    plugins: Mapping[str, str],
) -> list["ScoreResult"]:
    """The result of each file; scorers are loaded once, if a metric needs them. `given` replaces their V."""
    from eva.metrics.needs import HISTOGRAM, label_kinds
    from eva.metrics.score import score as score_rows

    scorers, reference = None, None
    origin: dict[str, Any] = {"plugins": plugins} if plugins else {}
    if label_kinds(list(choice.needs)):
        from eva.scorers.reference import Reference
        from eva.scorers.trained import Scorers

        scorers = Scorers.below(folder.path)
        if HISTOGRAM in choice.needs:
            reference = Reference.read(given) if given else scorers.reference()
            origin |= {"reference": digest_file(given)} if given else {}
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


def _differences(results: Mapping[str, "ScoreResult"], settings: Evaluate) -> dict[str, list["Difference"]]:
    """Each system less the baseline, which is the last; all judged as one family."""
    from eva.metrics.compare import differences, judge
    from eva.statistics.bootstrap import Resampling

    resampling = Resampling.of(settings)
    *systems, baseline = results
    theirs = [results[baseline].measured]
    found = [
        differences([results[name].measured], theirs, resampling, names=(name, baseline)) for name in systems
    ]
    return dict(zip(systems, judge(found, resampling.confidence), strict=True))
