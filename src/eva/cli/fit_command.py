"""`eva fit`: a forecast of memory, disk and time for the settings, before anything is trained."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from eva.settings.project import PARAMS, PROFILES, project_root


def fit(
    profile: Annotated[
        str | None,
        typer.Option(help="a file in profiles/, to print what machine it needs; by default params.yaml"),
    ] = None,
    total: Annotated[bool, typer.Option("--total", help="print only the total")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="compare with what the stages took here, by their records")
    ] = False,
) -> None:
    """Forecast tokens, steps, memory, disk and time of every stage; fail if this machine is too small."""
    from eva.cli.project_plugins import load_project_plugins
    from eva.fit import machine_fit, profile_fit
    from eva.settings.params_file import read_settings
    from eva.settings.profiles import profile_settings

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    root = project_root(Path.cwd())
    load_project_plugins("corpora")
    if check:
        print(machine_fit.check(read_settings(root / PARAMS), root))
    elif profile is None:
        print(machine_fit.report(read_settings(root / PARAMS), root, total_only=total))
    else:
        print(profile_fit.report(profile, profile_settings(root / PROFILES, profile), root))
