"""Reading of sections of `params.yaml`; one `InputError` lists all their problems."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, create_model
from pydantic.fields import FieldInfo

from eva.errors import InputError, raise_if
from eva.plain_text import half_characters, read_text, refuse
from eva.settings.explain import problems
from eva.settings.section import section_name
from eva.settings.yaml_file import Misread, parse_yaml


@dataclass(frozen=True)
class Params:
    """A params file before it is checked.

    `raw` maps section names to their content, `misread` keys to the problem with how their value is
    written (see `yaml_file`); `where` names the file in messages.
    """

    raw: dict[str, Any]
    misread: Misread
    where: str


@dataclass(frozen=True)
class Examined:
    """The valid sections by name, and the problems of all others."""

    sections: dict[str, Any]
    problems: list[str]


def read_sections(path: Path, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The named sections of a params file, each parsed to the type given for it; others are ignored.

    A stage that reads `{"sft": Sft}` imports no other section's module, so it does not depend on them.

    Raises:
        InputError: the file is missing or not YAML, or one of these sections is not valid.
    """
    params = read_params(path)
    raw = {name: section for name, section in params.raw.items() if name in wanted}
    misread = {key: problem for key, problem in params.misread.items() if key.partition(".")[0] in wanted}
    found = examine(sections_model(wanted), Params(raw, misread, params.where))
    raise_if(found.problems, params.where)
    return found.sections


def sections_model(kinds: Mapping[str, Any]) -> type[BaseModel]:
    """A pydantic model with one field per section, also for names that pydantic reserves (`validate`)."""
    fields: dict[str, Any] = {f"{name}_": (kind, ...) for name, kind in kinds.items()}
    config = ConfigDict(alias_generator=section_name, frozen=True, extra="forbid")
    return create_model("Sections", __config__=config, **fields)


def read_params(path: Path) -> Params:
    """Parse a params file without checking its sections."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; `eva params use laptop` writes one")
    text = read_text(path)
    refuse(half_characters(text), path)
    raw, misread = parse_yaml(text, str(path))
    return Params(as_mapping(raw, str(path)), misread, str(path))


def as_mapping(raw: Any, where: str) -> dict[str, Any]:
    """`raw`, if it is a mapping; else `InputError`."""
    if not isinstance(raw, dict):
        raise InputError(f"{where}: expected a mapping of sections, got {type(raw).__name__}")
    return raw


def examine(model: type[BaseModel], params: Params) -> Examined:
    """Check every section of `model` on its own, so that a wrong one does not hide problems of another."""
    found = list(params.misread.values())
    wrong = {key.partition(".")[0] for key in params.misread}
    try:
        model.model_validate(params.raw)
    except ValidationError as error:
        found += problems(error, model, params.misread)
        wrong |= {str(detail["loc"][0]) for detail in error.errors()}
    right = {
        name: _section(info, params.raw, name)
        for field, info in model.model_fields.items()
        if (name := section_name(field)) not in wrong
    }
    return Examined(right, found)


def _section(field: FieldInfo, raw: Mapping[str, Any], name: str) -> Any:
    if name not in raw:
        return field.get_default(call_default_factory=True)
    kind: Any = field.annotation
    return TypeAdapter(kind).validate_python(raw[name])
