"""Reading `params.yaml`: every problem at once, each with key, value, range and nearest key."""

import difflib
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError, model_validator
from pydantic_core import ErrorDetails

from eva.errors import InputError, raise_if
from eva.settings.sections import (
    Backbone,
    Capability,
    Corpus,
    Data,
    Dpo,
    Epitome,
    Evaluate,
    Generate,
    LevelClassifier,
    Matrix,
    Name,
    Preferences,
    Prepare,
    Register,
    Report,
    Section,
    Sft,
    Validate,
    Variant,
)


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
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; `eva params use laptop` writes one") from None
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not valid YAML: {error}") from None
    return load_settings(raw, str(path))


def load_settings(raw: Any, where: str = "params") -> Settings:
    """Check a parsed params mapping; an `InputError` lists everything wrong with it."""
    if not isinstance(raw, dict):
        raise InputError(f"{where}: expected a mapping of sections, got {type(raw).__name__}")
    try:
        settings = Settings.model_validate(raw)
    except ValidationError as error:
        raise_if((_explain(detail) for detail in error.errors()), where)
        raise
    raise_if([*_dangling(settings), *_probed_encoders(settings)], where)
    return settings


def _explain(detail: ErrorDetails) -> str:
    """One line for one pydantic error: key, value, what is allowed, nearest key."""
    location = [str(part).rstrip("_") for part in detail["loc"] if part != "[key]"]
    key = ".".join(location)
    if detail["type"] == "extra_forbidden":
        return f"`{key}` is not a key.{_nearest(location)}"
    if detail["type"] == "missing":
        return f"`{key}` is missing ({_expected(location)})"
    message = detail["msg"].removeprefix("Value error, ")
    return f"`{key}` is {detail['input']!r}: {message} ({_expected(location)})"


def _nearest(location: list[str]) -> str:
    """The key that a misspelt one most resembles, among its siblings."""
    known = [name.rstrip("_") for name in _model_at(location[:-1]).model_fields]
    match = difflib.get_close_matches(location[-1], known, n=1, cutoff=0.0)
    return f" Nearest: `{'.'.join([*location[:-1], *match])}`. Known: {', '.join(sorted(known))}."


def _expected(location: list[str]) -> str:
    """Type, bounds and description of the field at `location`."""
    schema = Settings.model_json_schema()
    node: dict[str, Any] = schema
    for part in location:
        node = _resolve(schema, node)
        properties = node.get("properties", {})
        child = properties.get(part, properties.get(f"{part}_", node.get("additionalProperties")))
        node = child if isinstance(child, dict) else node.get("items", {})
    shown = {k: v for k, v in _resolve(schema, node).items() if k in _SHOWN}
    bounds = ", ".join(f"{_SHOWN[k]} {v}" for k, v in shown.items())
    return f"expected: {bounds or 'see `eva params schema`'}"


_SHOWN = {
    "type": "a",
    "enum": "one of",
    "minimum": ">=",
    "maximum": "<=",
    "exclusiveMinimum": ">",
    "exclusiveMaximum": "<",
    "pattern": "matching",
    "description": "-",
}


def _resolve(schema: Mapping[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    reference = node.get("$ref")
    return schema["$defs"][reference.rsplit("/", 1)[-1]] if reference else node


def _model_at(location: list[str]) -> type[BaseModel]:
    """The settings model that holds the key at the end of `location`."""
    model: type[BaseModel] = Settings
    for part in location:
        field = model.model_fields.get(part) or model.model_fields.get(f"{part}_")
        found = _inner_model(field.annotation) if field else None
        model = found or model
    return model


def _inner_model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in {dict, list, Union, types.UnionType}:
        return next((m for a in get_args(annotation) if (m := _inner_model(a))), None)
    return None


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
