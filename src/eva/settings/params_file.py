"""All of `params.yaml`: every section, and whether the names in one are rows of another."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import model_validator

from eva.errors import raise_if
from eva.settings.backbones_section import Backbone
from eva.settings.capability_section import Capability
from eva.settings.corpora_section import Corpus
from eva.settings.data_section import Data
from eva.settings.dpo_section import Dpo
from eva.settings.epitome_section import Epitome
from eva.settings.evaluate_section import Evaluate
from eva.settings.generate_section import Generate
from eva.settings.level_classifier_section import LevelClassifier
from eva.settings.matrix_section import Matrix
from eva.settings.preferences_section import Preferences
from eva.settings.prepare_section import Prepare
from eva.settings.reading import as_mapping, check, read_mapping
from eva.settings.register_section import Register
from eva.settings.report_section import Report
from eva.settings.section import Name, Section
from eva.settings.sft_section import Sft
from eva.settings.validate_section import Validate
from eva.settings.variants_section import Variant


class Settings(Section):
    """All of `params.yaml`."""

    matrix: Matrix
    corpora: dict[Name, Corpus]
    data: Data
    backbones: dict[Name, Backbone]
    variants: dict[Name, Variant]
    prepare: Prepare
    validate_: Validate
    preferences: Preferences
    sft: Sft
    dpo: Dpo
    level_classifier: LevelClassifier
    epitome: Epitome
    generate: Generate
    evaluate: Evaluate
    capability: Capability
    report: Report
    register_: Register

    @model_validator(mode="before")
    @classmethod
    def _python_names(cls, raw: Any) -> Any:
        """`validate` and `register` are methods of pydantic models: their fields end in `_`."""
        if not isinstance(raw, dict):
            return raw
        return {_FIELD_OF.get(key, key): value for key, value in raw.items()}


_FIELD_OF = {"validate": "validate_", "register": "register_"}
SECTIONS = tuple(name.rstrip("_") for name in Settings.model_fields)


def read_settings(path: Path) -> Settings:
    """Read and check a params file; an `InputError` lists everything wrong with it."""
    return load_settings(read_mapping(path), str(path))


def load_settings(raw: Any, where: str = "params") -> Settings:
    """Check a parsed params mapping; an `InputError` lists everything wrong with it."""
    settings = check(Settings, as_mapping(raw, where), where)
    raise_if([*_dangling(settings), *_probed_encoders(settings)], where)
    return settings


def _dangling(settings: Settings) -> Iterator[str]:
    """Names that point to no row of their table."""
    backbones = settings.backbones
    causal = [name for name, row in backbones.items() if row.role == "causal"]
    encoders = [name for name, row in backbones.items() if row.role == "encoder"]
    weighted = [name for name, row in backbones.items() if row.source != "endpoint"]
    references: list[tuple[str, list[str], list[str]]] = [
        ("matrix.corpora", settings.matrix.corpora, list(settings.corpora)),
        ("matrix.backbones", settings.matrix.backbones, causal),
        ("preferences.corpus", [settings.preferences.corpus], list(settings.corpora)),
        ("level_classifier.corpus", [settings.level_classifier.corpus], list(settings.corpora)),
        ("level_classifier.encoder", [settings.level_classifier.encoder], encoders),
        ("level_classifier.probe", [settings.level_classifier.probe], weighted),
        ("epitome.encoder", [settings.epitome.encoder], encoders),
        ("epitome.probe", [settings.epitome.probe], weighted),
        ("capability.before", [settings.capability.before], list(settings.variants)),
        ("capability.after", [settings.capability.after], list(settings.variants)),
        ("report.baseline", [settings.report.baseline], list(settings.variants)),
        ("register.corpus", [settings.register_.corpus], settings.matrix.corpora),
        ("register.backbone", [settings.register_.backbone], settings.matrix.backbones),
        ("register.variant", [settings.register_.variant], list(settings.variants)),
    ]
    for key, names, known in references:
        for name in names:
            if name not in known:
                yield f"`{key}` names {name!r}, which is no row there. Known: {', '.join(known)}."
    if settings.register_.seed not in settings.matrix.seeds:
        yield f"`register.seed` is {settings.register_.seed}, not in `matrix.seeds` {settings.matrix.seeds}."


def _probed_encoders(settings: Settings) -> Iterator[str]:
    """A probe of a scorer's own encoder: two members that learn the same."""
    for section, scorer in (("level_classifier", settings.level_classifier), ("epitome", settings.epitome)):
        if scorer.probe == scorer.encoder:
            yield (
                f"`{section}.probe` and `{section}.encoder` are both {scorer.probe!r}: name another backbone "
                "as `probe` (it is not read while `probe_share` is 0)."
            )
