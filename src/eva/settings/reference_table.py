"""A reference table of `params.yaml`: type, range, default and meaning of each key, from the JSON schema."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from eva.settings.section import NAME_PATTERN

ROW = "ROW"  # placeholder in a key for the name of a row of a table, which the user chooses
_TYPES = {"integer": "whole number", "number": "number", "boolean": "true or false", "string": "text"}
_BOUNDS = {
    "minimum": ">= {}",
    "exclusiveMinimum": "> {}",
    "maximum": "<= {}",
    "exclusiveMaximum": "< {}",
    "minItems": "at least {}",
    "maxLength": "at most {} characters",
    "pattern": "like {}",
}


@dataclass(frozen=True)
class Entry:
    """One key; `default` is empty for a key that is required. The type `name` allows a-z, 0-9 and `_`."""

    key: str
    type: str
    range: str
    default: str
    meaning: str

    def __str__(self) -> str:
        allowed = f", {self.range}" if self.range else ""
        return f"{self.type}{allowed}" + (f" ({self.meaning})" if self.meaning else "")


def entries(model: type[BaseModel]) -> list[Entry]:
    """All keys of a settings model, in the order of its fields."""
    schema = model.model_json_schema()
    return [_entry(key, node) for key, node in _leaves(schema, schema, [])]


def entry_at(model: type[BaseModel], location: Sequence[str]) -> Entry | None:
    """The key at `location`, or None; parts of `location` may be names of rows and positions in lists."""
    schema = model.model_json_schema()
    node: dict[str, Any] = schema
    for part in location:
        node = _resolved(schema, node)
        node = node.get("properties", {}).get(part) or _any_row(node) or node.get("items") or {}
    return _entry(".".join(location), _resolved(schema, node)) if node else None


def _leaves(
    schema: Mapping[str, Any], node: dict[str, Any], location: list[str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    node = _resolved(schema, node)
    row = _resolved(schema, _any_row(node))
    children = node.get("properties") or ({ROW: row} if "properties" in row else {})
    if not children:
        yield ".".join(location), node
    for name, child in children.items():
        needed = name in node.get("required", [])
        yield from _leaves(schema, {**child, "needed": needed}, [*location, name])


def _any_row(node: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of the rows of a table; empty if the node is not a table or its rows have no schema."""
    rows = [*node.get("patternProperties", {}).values(), node.get("additionalProperties")]
    return next((row for row in rows if isinstance(row, dict)), {})


def _resolved(schema: Mapping[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """The node to which a `$ref` points; keys written beside the `$ref` take precedence."""
    reference = node.get("$ref")
    return {**schema["$defs"][reference.rsplit("/", 1)[-1]], **node} if reference else node


def _entry(key: str, node: dict[str, Any]) -> Entry:
    default = "" if node.get("needed") else shown(node["default"]) if "default" in node else ""
    parts = [node, *node.get("anyOf", [])]
    bounds = [text.format(part[name]) for part in parts for name, text in _BOUNDS.items() if name in part]
    allowed = ", ".join(bound for bound in bounds if NAME_PATTERN not in bound)
    return Entry(key, _type(node), allowed, default, node.get("description", "").partition("\n")[0])


def _type(node: Mapping[str, Any]) -> str:
    if "anyOf" in node:
        return " or ".join(_type(one) for one in node["anyOf"])
    if "enum" in node:
        return " | ".join(map(str, node["enum"]))
    if node.get("type") == "array":
        return f"list of {_type(node.get('items', {}))}"
    if row := _any_row(node):
        return f"mapping to {_type(row)}"
    if node.get("format") == "path":
        return "path"
    if node.get("pattern") == NAME_PATTERN:
        return "name"
    kind = node.get("type", "")
    return {"null": "null", "object": "mapping", **_TYPES}.get(kind, str(node.get("const", "value")))


def shown(value: Any) -> str:
    """A value as one line of YAML."""
    if isinstance(value, list):
        return f"[{', '.join(map(shown, value))}]"
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return str(value)
