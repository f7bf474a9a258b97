"""Messages about invalid settings, one line per problem: key, value, what is allowed, nearest valid key."""

import difflib
import json
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from eva.settings.reference_table import entry_at
from eva.settings.section import section_name
from eva.settings.yaml_file import Misread


def problems(error: ValidationError, model: type[BaseModel], misread: Misread) -> Iterator[str]:
    """One line for every problem that validation by `model` found, except at the keys of `misread`."""
    return (_explain(detail, model) for detail in error.errors() if _key(detail) not in misread)


def _key(detail: ErrorDetails) -> str:
    return ".".join(_location(detail))


def _location(detail: ErrorDetails) -> list[str]:
    return [section_name(str(part)) for part in detail["loc"] if part != "[key]"]


def _explain(detail: ErrorDetails, model: type[BaseModel]) -> str:
    location, key, given = _location(detail), _key(detail), detail["input"]
    if detail["type"] == "extra_forbidden":
        return f"`{key}` is not a setting.{_nearest(location, model)}"
    if detail["loc"][-1] == "[key]":
        return f"`{key}`: the name of a row is made of a-z, 0-9 and `_`, and begins with a letter or digit"
    if detail["type"] == "missing":
        return f"`{key}` is missing; expected {entry_at(model, location)}"
    value = given if isinstance(given, Path) else json.dumps(given, default=str)
    if detail["type"] == "value_error":  # raised by a validator of ours, whose message says what to do
        return f"`{key}` is {value}: {detail['msg'].removeprefix('Value error, ')}"
    return f"`{key}` is {value}: {detail['msg']}; expected {entry_at(model, location)}"


def _nearest(location: list[str], model: type[BaseModel]) -> str:
    """The valid key of the same section that is spelt most like the unknown one, and all valid keys."""
    known = [section_name(name) for name in _model_at(location[:-1], model).model_fields]
    match = difflib.get_close_matches(location[-1], known, n=1, cutoff=0.0)
    return f" Nearest: `{'.'.join([*location[:-1], *match])}`. Known: {', '.join(sorted(known))}."


def _model_at(location: list[str], model: type[BaseModel]) -> type[BaseModel]:
    """The settings model that holds the key at the end of `location`."""
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
