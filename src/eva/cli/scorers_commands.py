"""`eva scorers`: register trained scorers, for `eva score --scorers models:/…`."""

from pathlib import Path
from typing import Annotated

import typer

from eva.errors import InputError, raise_if

app = typer.Typer(no_args_is_help=True, help="Trained scorers in the MLflow model registry.")


@app.command()
def register(
    folder: Annotated[Path, typer.Argument(help="folder with level_classifier/ and epitome/")] = Path(
        "models"
    ),
    name: Annotated[str, typer.Option(help="name of the registered model")] = "eva-scorers",
    alias: Annotated[str | None, typer.Option(help="alias to set on the new version")] = None,
) -> None:
    """Upload the level classifier and the EPITOME scorers as one version of a registered model."""
    from eva.registry.scorer_versions import register_scorers
    from eva.scorers.trained import Scorers

    scorers = Scorers.below(folder)
    digests = scorers.provenance()["scorers"]
    if not digests:
        raise InputError(f"{folder}: has no level_classifier/ and no epitome/; `dvc repro` trains them")
    raise_if(scorers.problems(digests), str(folder))
    uri = register_scorers(folder, name, alias, digests, Path.cwd())
    print(f"registered {', '.join(digests)} as {uri}")
    print(f"use: eva score FILE.jsonl --scorers {f'models:/{name}@{alias}' if alias else uri}")
