"""`eva human`: write blinded rating sheets, and analyse the filled ones."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from eva.artifacts import write_json, write_text
from eva.cli.evaluate_settings import evaluate_settings, metric_words
from eva.errors import InputError
from eva.settings.evaluate_section import Evaluate

if TYPE_CHECKING:
    from eva.cli.human_metrics import RatedFiles
    from eva.human.correlation import Correlations
    from eva.human.forms import Form
    from eva.human.outcome import Outcome
    from eva.human.ratings import Ratings

app = typer.Typer(no_args_is_help=True, help="Human evaluation: export blinded sheets, import ratings.")


@app.command()
def export(
    responses: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE.jsonl", help="two systems to compare, or one for a yes/no question (--ask)"
        ),
    ],
    out: Annotated[
        Path, typer.Option(help="new folder for the sheets, the Label Studio project and the key")
    ],
    ask: Annotated[
        str | None, typer.Option(help="with one file: the question, comfort (default) or validation")
    ] = None,
    n: Annotated[
        int | None, typer.Option("--n", min=1, help="responses to rate; by default 100, or all if fewer")
    ] = None,
    dialogues: Annotated[
        int | None,
        typer.Option(min=1, help="instead of --n: dialogues to rate, with all their responses"),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, help="seed for choosing responses and their left/right order")
    ] = 0,
    raters: Annotated[int, typer.Option(min=1, help="number of raters; each gets a sheet")] = 3,
    per_item: Annotated[
        int | None, typer.Option(min=1, help="raters for each response; by default all")
    ] = None,
    allow_empty: Annotated[
        bool, typer.Option("--allow-empty", help="accept empty responses; raters see that they are empty")
    ] = False,
) -> None:
    """Write blinded rating sheets for one or two response files.

    Two files: raters choose the better response by the paper's four criteria.
    One file: raters answer a yes/no question. The folder gets one csv sheet
    per rater, a Label Studio project, and key.json, which raters must not see.
    """
    from eva.cli.response_files import read_all
    from eva.human.export import SHEETS, design, write_study
    from eva.human.forms import PAIRWISE
    from eva.human.item_sampling import Plan
    from eva.human.key import KEY_FILE, System

    form = _form(responses, ask)
    files = read_all(responses, allow_empty=allow_empty)
    systems = [System(str(file.path), file.provenance()["sha256"]) for file in files]
    plan = Plan(n, dialogues, raters, per_item or raters, seed)
    study = design(form, systems, [file.rows for file in files], plan)
    write_study(study, out)
    judged = len({item.dialogue_id for item in study.key.items})
    print(f"{len(study.key.items)} items of {judged} dialogues, {per_item or raters} ratings each")
    if form is PAIRWISE:
        print(f"win means: {systems[0].name} is better than {systems[1].name}")
    print(
        f"for the raters:   {out / SHEETS} or {out / 'label_studio'}\n"
        f"not for the raters: {out / KEY_FILE}\n"
        f"then:             eva human import {out}"
    )


def _form(responses: Sequence[Path], ask: str | None) -> "Form":
    from eva.human.forms import FORMS, PAIRWISE

    if len(responses) > 2:
        raise InputError(f"{len(responses)} files: give two to compare them, or one to ask a yes/no question")
    if len(responses) == 2:
        if ask is not None:
            raise InputError(f"--ask {ask}: only with one file; two files are compared by four criteria")
        return PAIRWISE
    known = [name for name, form in FORMS.items() if not form.is_pairwise]
    if ask is not None and ask not in known:
        raise InputError(f"--ask {ask}: no such question. Known: {', '.join(known)}.")
    return FORMS[ask or "comfort"]


Folder = Annotated[Path, typer.Argument(metavar="DIR", help="folder that `eva human export` wrote")]
Filled = Annotated[
    list[Path] | None,
    typer.Argument(metavar="FILLED", help="filled csv sheets or Label Studio JSON; DIR/sheets by default"),
]
Rated = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FILE.jsonl",
        help="an exported response file (give all of them): correlate its metrics with the ratings",
    ),
]
Metrics = Annotated[
    str | None, typer.Option(help="metrics to correlate: families or names, separated by commas")
]
OfScorers = Annotated[
    str | None, typer.Option(help="folder with level_classifier/ and epitome/; models/ by default")
]
Json = Annotated[Path | None, typer.Option("--json", help="write all figures here")]
Figure = Annotated[
    Path | None, typer.Option(metavar="FILE.svg", help="draw the shares by criterion (Figure 5) here")
]
Params = Annotated[Path | None, typer.Option(help="settings, section `evaluate`; params.yaml by default")]


@app.command("import")
def import_(
    folder: Folder,
    filled: Filled = None,
    responses: Rated = None,
    metrics: Metrics = None,
    scorers: OfScorers = None,
    json: Json = None,
    figure: Figure = None,
    params: Params = None,
) -> None:
    """Analyse filled sheets: win/tie/lose or yes/no, agreement, correlation.

    All problems of all sheets are listed at once. With --responses, every
    metric that is defined per response (or per dialogue, if whole dialogues
    were rated) is correlated with the human scores.
    """
    from eva.cli.project_plugins import load_project_plugins
    from eva.human.export import SHEETS
    from eva.human.key import Key
    from eva.human.outcome import summarise
    from eva.human.ratings import read_ratings

    load_project_plugins("estimators", "metrics", params=params)
    settings, key = evaluate_settings(params), Key.read(folder)
    _check({"--json": json, "--figure": figure}, responses, metrics, scorers)
    rated = None
    if responses:
        from eva.cli.human_metrics import rated_files

        names = None if metrics is None else metric_words(metrics)
        rated = rated_files(key, responses, names, scorers, settings)
    ratings = read_ratings(key, filled or sorted((folder / SHEETS).glob("*.csv")))
    outcome = summarise(ratings, settings)
    correlations = None if rated is None else _correlations(rated, ratings)
    _print(ratings, outcome, correlations, settings)
    if json is not None:
        write_json(json, _as_dict(ratings, outcome, correlations, settings))
        print(f"\nwritten: {json}")
    if figure is not None:
        from eva.report.figures import stacked_shares

        write_text(figure, stacked_shares(_shares(ratings, outcome), ratings.key.form.labels) + "\n")
        print(f"\nwritten: {figure}")


def _print(
    ratings: "Ratings", outcome: "Outcome", correlations: "Correlations | None", settings: Evaluate
) -> None:
    """The tables on stdout, and what is missing from them on stderr."""
    from eva.cli.text_tables import correlation_table, human_table

    print(human_table(outcome, ratings, settings.confidence))
    if correlations:
        print("\nSpearman correlation with the human scores\n\n" + correlation_table(correlations.rows))
    for line in ratings.gaps:
        typer.echo(f"not rated: {line}", err=True)
    for line in [*outcome.undefined, *(correlations.left_out if correlations else [])]:
        typer.echo(f"left out: {line}", err=True)


def _shares(ratings: "Ratings", outcome: "Outcome") -> dict[str, list[float]]:
    """Percent of ratings by label, of each criterion."""
    form = ratings.key.form
    return {
        one.title: [outcome.metrics[f"human/{one.name}/{label}"].value for label in form.labels]
        for one in form.criteria
    }


def _check(
    written: Mapping[str, Path | None],
    responses: Sequence[Path] | None,
    metrics: str | None,
    scorers: str | None,
) -> None:
    for option, path in written.items():
        if path is not None and path.is_dir():
            raise InputError(f"{option} {path}: is a folder; name a file to write")
    if not responses and (metrics or scorers):
        raise InputError("--metrics and --scorers are for correlations, which need --responses")


def _correlations(rated: "RatedFiles", ratings: "Ratings") -> "Correlations":
    from eva.human.correlation import Correlations, correlate

    found = correlate(ratings, rated.results(), rated.settings)
    return Correlations(found.rows, [*rated.choice.left_out, *found.left_out])


def _as_dict(
    ratings: "Ratings", outcome: "Outcome", correlations: "Correlations | None", settings: Evaluate
) -> dict[str, Any]:
    """The content of `--json`."""
    key = ratings.key
    return {
        "metrics": {name: value.to_dict() for name, value in outcome.metrics.items()},
        "items": outcome.items,
        "correlations": [row.to_dict() for row in correlations.rows] if correlations else [],
        "left_out": [*outcome.undefined, *(correlations.left_out if correlations else [])],
        "provenance": {
            "form": key.form.name,
            "source": key.form.source,
            "systems": [asdict(system) for system in key.systems],
            "n_items": len(key.items),
            "n_raters": len(ratings.raters),
            "ratings_per_item": ratings.per_item.tolist(),
            "gaps": list(ratings.gaps),
            "whole_dialogues": key.whole_dialogues,
            "resamples": settings.bootstrap,
            "confidence": settings.confidence,
            "seed": settings.seed,
        },
    }
