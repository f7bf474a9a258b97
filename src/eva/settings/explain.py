"""What is wrong with a section, in one line a problem: key, value, what is allowed, nearest key."""

import difflib
import types
from collections.abc import Iterator, Mapping
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

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


def problems(error: ValidationError, model: type[BaseModel]) -> Iterator[str]:
    """One line for every problem that validation by `model` found."""
    return (_explain(detail, model) for detail in error.errors())


def _explain(detail: ErrorDetails, model: type[BaseModel]) -> str:
    location = [str(part).rstrip("_") for part in detail["loc"] if part != "[key]"]
    key = ".".join(location)
    if detail["type"] == "extra_forbidden":
        return f"`{key}` is not a key.{_nearest(location, model)}"
    if detail["type"] == "missing":
        return f"`{key}` is missing ({_expected(location, model)})"
    message = detail["msg"].removeprefix("Value error, ")
    return f"`{key}` is {detail['input']!r}: {message} ({_expected(location, model)})"


def _nearest(location: list[str], model: type[BaseModel]) -> str:
    """The key that a misspelt one most resembles, among its siblings."""
    known = [name.rstrip("_") for name in _model_at(location[:-1], model).model_fields]
    match = difflib.get_close_matches(location[-1], known, n=1, cutoff=0.0)
    return f" Nearest: `{'.'.join([*location[:-1], *match])}`. Known: {', '.join(sorted(known))}."


def _expected(location: list[str], model: type[BaseModel]) -> str:
    """Type, bounds and description of the field at `location`."""
    schema = model.model_json_schema()
    node: dict[str, Any] = schema
    for part in location:
        node = _resolve(schema, node)
        properties = node.get("properties", {})
        child = properties.get(part, properties.get(f"{part}_", node.get("additionalProperties")))
        node = child if isinstance(child, dict) else node.get("items", {})
    shown = {k: v for k, v in _resolve(schema, node).items() if k in _SHOWN}
    bounds = ", ".join(f"{_SHOWN[k]} {v}" for k, v in shown.items())
    return f"expected: {bounds or 'see `eva params schema`'}"


def _resolve(schema: Mapping[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    reference = node.get("$ref")
    return schema["$defs"][reference.rsplit("/", 1)[-1]] if reference else node


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
