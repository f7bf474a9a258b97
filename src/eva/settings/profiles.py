"""Profiles: `profiles/laptop.yaml` is the complete base; every other file holds only what differs from it.

A value or list in the difference replaces that of the base; a mapping is merged key by key. In the
tables `corpora`, `backbones` and `variants` a row that is null is removed; elsewhere null is a value.
The result keeps the comments of the base, except where the difference has a comment of its own.
"""

import io
import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from eva.errors import InputError, raise_if
from eva.plain_text import read_text
from eva.settings.params_file import TABLES, Settings, load_params
from eva.settings.reading import Params, as_mapping
from eva.settings.yaml_file import parse_yaml

BASE = "laptop"
_WIDTH = 110


def profile_names(folder: Path) -> list[str]:
    """The names of the profiles in a folder, the base first."""
    return sorted((path.stem for path in folder.glob("*.yaml")), key=lambda name: (name != BASE, name))


def profile_text(folder: Path, name: str) -> str:
    """The text of the complete params file of a profile.

    Raises:
        InputError: no such profile, or it removes a row that the base does not have.
    """
    known = profile_names(folder)
    if name not in known:
        raise InputError(
            f"{folder}/{name}.yaml: no such profile. Known: {', '.join(known) or 'none in this folder'}."
        )
    if name == BASE:
        return read_text(folder / f"{BASE}.yaml")
    whole, difference = (_commented(folder / f"{one}.yaml") for one in (BASE, name))
    raise_if(_strangers(whole, difference), f"{folder}/{name}.yaml")
    whole.ca.comment = difference.ca.comment  # what the file says at its head
    _merge(whole, difference, [])
    return _spaced(_written(whole))


def read_profile(folder: Path, name: str) -> Params:
    """The complete params file of a profile, parsed but not checked."""
    where = f"profile {name}"
    raw, misread = parse_yaml(profile_text(folder, name), where)
    return Params(as_mapping(raw, where), misread, where)


def profile_settings(folder: Path, name: str) -> Settings:
    """The checked settings of a profile; an `InputError` lists all its problems."""
    return load_params(read_profile(folder, name))


def read_difference(folder: Path, name: str) -> dict[str, Any]:
    """The keys of the base that a profile changes, with their values; for the base itself, none."""
    if name == BASE:
        return {}
    path = folder / f"{name}.yaml"
    return as_mapping(parse_yaml(read_text(path), str(path))[0], str(path))


def _commented(path: Path) -> Any:
    """A YAML file with its comments; checked by `parse_yaml` first because its messages are clearer."""
    text = read_text(path)
    value, misread = parse_yaml(text, str(path))
    raise_if(misread.values(), str(path))
    as_mapping(value, str(path))
    return YAML().load(text)


def _strangers(whole: Mapping[str, Any], difference: Mapping[str, Any]) -> Iterator[str]:
    for table in TABLES:
        rows = difference.get(table)
        for name, row in rows.items() if isinstance(rows, dict) else ():
            if row is None and name not in whole[table]:
                yield f"`{table}.{name}` is null, which removes a row, but the base {BASE} has no such row"


def _merge(whole: Any, difference: Any, location: list[str]) -> None:
    for key, value in difference.items():
        if value is None and len(location) == 1 and location[0] in TABLES:
            del whole[key]
            continue
        if isinstance(value, dict) and isinstance(whole.get(key), dict):
            _merge(whole[key], value, [*location, key])
        else:
            whole[key] = value
        if comment := difference.ca.items.get(key):
            whole.ca.items[key] = comment


def _written(whole: Any) -> str:
    writer = YAML()
    writer.width = _WIDTH
    writer.representer.add_representer(type(None), _null)
    text = io.StringIO()
    writer.dump(whole, text)
    return text.getvalue()


def _null(representer: Any, _: None) -> Any:
    return representer.represent_scalar("tag:yaml.org,2002:null", "null")


def _spaced(text: str) -> str:
    """One blank line before every section; the merge leaves others where rows were removed or added."""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    head = list(itertools.takewhile(lambda line: line.startswith("#"), lines))
    spaced = [*head, ""] if head else []
    for before, line in itertools.pairwise(["", *lines[len(head) :]]):
        if before and not line.startswith(" ") and not before.startswith("#"):
            spaced.append("")
        spaced.append(line)
    return "\n".join(spaced) + "\n"
