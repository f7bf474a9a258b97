"""`eva params`: check, describe and switch the settings."""

import json
from pathlib import Path
from typing import Annotated

import typer

from eva.artifacts import write_text
from eva.errors import InputError
from eva.plain_text import read_text
from eva.settings.params_file import Settings, read_settings

app = typer.Typer(no_args_is_help=True, help="Check, describe and switch params.yaml.")

PARAMS = Path("params.yaml")
PROFILES = Path("profiles")


@app.command()
def check(file: Annotated[Path, typer.Argument(help="params file")] = PARAMS) -> None:
    """Check a params file; all problems are listed at once."""
    settings = read_settings(file)
    items = len(settings.matrix.corpora) * len(settings.matrix.backbones) * len(settings.matrix.seeds)
    print(f"{file}: fine ({items * len(settings.variants)} variants to train and evaluate)")


@app.command()
def schema() -> None:
    """Print the JSON schema of params.yaml: every key, its range, what it means."""
    print(json.dumps(Settings.model_json_schema(), indent=2))


@app.command()
def use(profile: Annotated[str, typer.Argument(help="name of a file in profiles/")]) -> None:
    """Make params.yaml a copy of a profile."""
    known = sorted(path.stem for path in PROFILES.glob("*.yaml"))
    if profile not in known:
        raise InputError(
            f"{PROFILES}/{profile}.yaml: no such profile. Known: {', '.join(known) or 'none here'}."
        )
    source = PROFILES / f"{profile}.yaml"
    read_settings(source)
    write_text(PARAMS, read_text(source))
    print(f"{PARAMS} is now profile {profile}; `dvc params diff` shows what changed")
