"""`eva params`: check, describe, show and switch the settings."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from eva.artifacts import write_text
from eva.cli.wide_table import print_table
from eva.errors import InputError, raise_if
from eva.settings.origins import HAND, Origin, nearest_profile, origins
from eva.settings.params_file import Settings, load_params
from eva.settings.profiles import profile_names, profile_settings, profile_text, read_profile
from eva.settings.project import PARAMS, PROFILES, project_root
from eva.settings.reading import Params, read_params
from eva.settings.reference_table import entries

app = typer.Typer(no_args_is_help=True, help="Check, describe, show and switch params.yaml.")


@app.command()
def check(
    what: Annotated[str, typer.Argument(help="params file, or name of a profile")] = PARAMS,
) -> None:
    """List everything in the settings that a stage would refuse, before any stage runs."""
    from eva.preflight.findings import preflight

    params = _read(what)
    found = preflight(params, project_root(Path.cwd()))
    raise_if(found.problems, params.where)
    settings = load_params(params)
    items = len(settings.matrix.corpora) * len(settings.matrix.backbones) * len(settings.matrix.seeds)
    print(f"{params.where}: fine ({items * len(settings.variants)} variants to train and evaluate)")
    for note in found.notes:
        print(f"note: {note}")


@app.command()
def schema(
    keys: Annotated[str, typer.Argument(help="only keys that start with this, e.g. `sft`")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="print the JSON schema instead")] = False,
) -> None:
    """Explain every key of params.yaml: type, range, default (if it is optional) and meaning."""
    if as_json:
        print(json.dumps(Settings.model_json_schema(), indent=2))
        return
    rows = [
        [entry.key, ", ".join(filter(None, [entry.type, entry.range])), entry.default, entry.meaning]
        for entry in entries(Settings)
        if entry.key.startswith(keys)
    ]
    if not rows:
        raise InputError(f"no key starts with {keys!r}; `eva params schema` lists all")
    print_table(["key", "type and range", "default", "meaning"], rows)


@app.command()
def show(
    what: Annotated[str, typer.Argument(help="params file, or name of a profile")] = PARAMS,
    changed: Annotated[bool, typer.Option("--changed", help="only values that were changed by hand")] = False,
) -> None:
    """Print every value and where it comes from: a profile, a change by hand, or a default."""
    params, profiles = _read(what), _profiles()
    profile = _profile_named(what) or nearest_profile(profiles, params.raw)
    found = origins(profiles, profile, params.raw)
    by_hand = [one for one in found if one.source == HAND]
    if not _profile_named(what):
        print(f"{params.where}: profile {profile}, {len(by_hand)} values changed by hand")
    rows = [[one.key, one.value, _source(one)] for one in (by_hand if changed else found)]
    if rows:
        print_table(["key", "value", "origin"], rows)


@app.command()
def use(profile: Annotated[str, typer.Argument(help="name of a file in profiles/")]) -> None:
    """Replace params.yaml by a profile; values that were changed by hand are lost, and listed."""
    profiles, path = _profiles(), _project(PARAMS)
    text = profile_text(profiles, profile)
    profile_settings(profiles, profile)
    lost = _by_hand(profiles, path)
    write_text(path, text)
    print(f"{path} is now profile {profile}; `dvc params diff` shows what changed")
    for one in lost:
        print(f"lost, because it was changed by hand: {one.key} {one.value} ({one.note})")


def _read(what: str) -> Params:
    """Read the named params file or profile; `params.yaml` is the project's, also from a subfolder."""
    profile = _profile_named(what)
    if profile is not None:
        return read_profile(_profiles(), profile)
    return read_params(_project(PARAMS) if what == PARAMS else Path(what))


def _profile_named(what: str) -> str | None:
    """The profile that `what` names, by its name or the path of its file; None if it names another file."""
    path, profiles = Path(what), _profiles()
    is_name = what in profile_names(profiles) and not path.is_file()
    is_file = path.parent.resolve() == profiles.resolve() and path.stem in profile_names(profiles)
    return path.stem if is_name or is_file else None


def _profiles() -> Path:
    return _project(PROFILES)


def _project(name: str) -> Path:
    """A file of the project, relative to the current folder."""
    return Path(os.path.relpath(project_root(Path.cwd()) / name))


def _by_hand(profiles: Path, path: Path) -> list[Origin]:
    if not path.is_file():
        return []
    raw = read_params(path).raw
    return [one for one in origins(profiles, nearest_profile(profiles, raw), raw) if one.source == HAND]


def _source(one: Origin) -> str:
    return f"{one.source} ({one.note})" if one.note else one.source
