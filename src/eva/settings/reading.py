"""Reading sections of `params.yaml`; all that is wrong with them is one `InputError`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from eva.artifacts import read_yaml
from eva.errors import InputError, raise_if
from eva.settings import explain

Model = TypeVar("Model", bound=BaseModel)


def read_sections(path: Path, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The named sections of a params file, each as the type given for it; others are not looked at.

    A stage that reads `{"sft": Sft}` needs no other section's module, so it does not depend on one.
    """
    fields: dict[str, Any] = {f"{name}_": (kind, ...) for name, kind in wanted.items()}
    config = ConfigDict(alias_generator=lambda field: field.rstrip("_"), frozen=True)
    model = create_model("Sections", __config__=config, **fields)
    found = check(model, read_mapping(path), str(path))
    return {name: getattr(found, f"{name}_") for name in wanted}


def read_mapping(path: Path) -> dict[str, Any]:
    """A params file as it is written, unchecked."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; `eva params use laptop` writes one")
    return as_mapping(read_yaml(path), str(path))


def as_mapping(raw: Any, where: str) -> dict[str, Any]:
    """Refuse what is no mapping of sections."""
    if not isinstance(raw, dict):
        raise InputError(f"{where}: expected a mapping of sections, got {type(raw).__name__}")
    return raw


def check(model: type[Model], raw: Mapping[str, Any], where: str) -> Model:
    """`raw` as `model`; an `InputError` lists everything wrong with it."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise_if(explain.problems(error, model), where)
        raise
