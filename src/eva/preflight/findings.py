"""Running all checks over a params file, for `eva params check`."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from eva.data.corpora import load
from eva.data.formats import format_named
from eva.data.utterances import Loaded
from eva.errors import InputError
from eva.preflight.backbone_rows import BACKBONE_CHECKS, unseen_configurations
from eva.preflight.evaluation_needs import EVALUATION_CHECKS
from eva.preflight.needed_files import FILE_CHECKS, corpus_problem
from eva.preflight.plugin_modules import plugin_problems
from eva.preflight.refusals import refusals
from eva.preflight.registration_needs import REGISTRATION_CHECKS, requirements_left_out
from eva.preflight.training_needs import TRAINING_CHECKS
from eva.settings.corpora_section import Corpus
from eva.settings.params_file import examine_settings
from eva.settings.reading import Params
from eva.settings.references import run_checks

CHECKS = (*FILE_CHECKS, *BACKBONE_CHECKS, *TRAINING_CHECKS, *EVALUATION_CHECKS, *REGISTRATION_CHECKS)
NOTES = (unseen_configurations, requirements_left_out)


@dataclass(frozen=True)
class Findings:
    """The problems that a stage would refuse, and notes about what cannot be checked yet."""

    problems: list[str]
    notes: list[str]


def preflight(params: Params, root: Path, made: Path = Path("models/backbone")) -> Findings:
    """Check a whole params file for the project in `root`, without loading a model.

    Args:
        params: the parsed file.
        root: the folder to which paths in the settings are relative.
        made: the folder in which the stage `backbone` writes models, relative to `root`; read if it exists.
    """
    examined = examine_settings(params)
    with contextlib.chdir(root):
        unloadable = plugin_problems(examined.sections.get("plugins"))
        loaded, unreadable = _load(examined.sections.get("corpora", {}))
        known = {**examined.sections, "loaded": loaded, "made": made}
        problems = [*examined.problems, *unloadable, *unreadable, *run_checks(CHECKS, known)]
        return Findings(problems, list(run_checks(NOTES, known)))


def _load(corpora: Mapping[str, Corpus]) -> tuple[dict[str, Loaded], list[str]]:
    """The corpora that can be read, and the problems of the others."""
    loaded: dict[str, Loaded] = {}
    problems: list[str] = []
    for name, row in corpora.items():
        unknown = refusals(f"corpora.{name}.format", row.format, partial(format_named, row.format))
        problems += unknown
        if unknown:
            continue
        try:
            loaded[name] = load(row)
        except InputError as error:
            problems += corpus_problem(name, row, error)
    return loaded, problems
