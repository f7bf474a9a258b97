"""The whole of `params.yaml`: all sections, and the check that names in one are rows of another."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from eva.errors import raise_if
from eva.settings.backbones_section import Backbone
from eva.settings.capability_section import Capability
from eva.settings.chat_section import Chat
from eva.settings.collect_section import Collection
from eva.settings.corpora_section import Corpus
from eva.settings.curate_section import Curation
from eva.settings.data_section import Data
from eva.settings.dpo_section import Dpo
from eva.settings.epitome_section import Epitome
from eva.settings.evaluate_section import Evaluate
from eva.settings.generate_section import Generate
from eva.settings.level_classifier_section import LevelClassifier
from eva.settings.matrix_section import Matrix
from eva.settings.plugins_section import Plugins
from eva.settings.preferences_section import Preferences
from eva.settings.prepare_section import Prepare
from eva.settings.reading import Examined, Params, as_mapping, examine, read_params
from eva.settings.references import REFERENCES, run_checks
from eva.settings.register_section import Register
from eva.settings.report_section import Report
from eva.settings.safety_section import Safety
from eva.settings.section import Name, Section, section_name
from eva.settings.serve_section import Serve
from eva.settings.sft_section import Sft
from eva.settings.tracking_section import Tracking
from eva.settings.validate_section import Validate
from eva.settings.variants_section import Variant


class Settings(Section):
    """All of `params.yaml`."""

    model_config = ConfigDict(alias_generator=section_name)

    matrix: Matrix
    corpora: Annotated[dict[Name, Corpus], Field(min_length=1)]
    data: Data
    plugins: Plugins
    backbones: Annotated[dict[Name, Backbone], Field(min_length=1)]
    variants: Annotated[dict[Name, Variant], Field(min_length=1)]
    prepare: Prepare
    collect: dict[Name, Collection]
    curate: dict[Name, Curation]
    validate_: Validate
    preferences: Preferences
    sft: Sft
    dpo: Dpo
    level_classifier: LevelClassifier
    epitome: Epitome
    generate: Generate
    evaluate: Evaluate
    capability: Capability
    safety: Safety
    report: Report
    register_: Register
    chat: Chat = Field(default_factory=Chat)
    serve: Serve = Field(default_factory=Serve)
    tracking: Tracking = Field(default_factory=Tracking)


SECTIONS = tuple(section_name(field) for field in Settings.model_fields)
TABLES = ("corpora", "backbones", "variants", "collect", "curate")  # sections of named rows


def read_settings(path: Path) -> Settings:
    """Read and check a params file; an `InputError` lists all its problems."""
    return load_params(read_params(path))


def load_settings(raw: Any, where: str = "params") -> Settings:
    """Check a parsed params mapping; an `InputError` lists all its problems."""
    return load_params(Params(as_mapping(raw, where), {}, where))


def load_params(params: Params) -> Settings:
    """Check a params file that was read; an `InputError` lists all its problems."""
    raise_if(examine_settings(params).problems, params.where)
    return Settings.model_validate(params.raw)


def examine_settings(params: Params) -> Examined:
    """Check every section on its own, then the names by which they refer to one another."""
    found = examine(Settings, params)
    return Examined(found.sections, [*found.problems, *run_checks(REFERENCES, found.sections)])
