"""The parameters of a checkout, and in which values they differ from the profile that is nearest to them.

`eva.settings.profiles` keeps comments and checks every value, which takes seconds; a record needs the bare
values, in milliseconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_BASE = "laptop"  # as in `eva.settings.profiles`, which would make every setting a dependency of a stage
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, if PyYAML has it


@dataclass(frozen=True)
class Changes:
    """All values by key, as `dpo.beta`; the nearest profile; and the keys that differ, with its values."""

    params: dict[str, str]
    profile: str | None
    changed: dict[str, str]


def read_changes(root: Path) -> Changes:
    """The values of `params.yaml` beside those of the profiles; empty without such files."""
    ours = flatten(_load(root / "params.yaml"))
    base = _load(root / "profiles" / f"{_BASE}.yaml")
    differences = {path.stem: _load(path) for path in sorted((root / "profiles").glob("*.yaml"))}
    profiles = {name: flatten(base if name == _BASE else _merged(base, d)) for name, d in differences.items()}
    if not profiles:
        return Changes(ours, None, {})
    nearest = min(profiles, key=lambda name: (len(_different(ours, profiles[name])), name != _BASE))
    return Changes(ours, nearest, _different(ours, profiles[nearest]))


def flatten(value: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested settings as {"section.key": text}; a list is one value."""
    flat: dict[str, str] = {}
    for key, entry in value.items():
        name = f"{prefix}{key}"
        if isinstance(entry, Mapping) and entry:
            flat |= flatten(entry, f"{name}.")
        else:
            flat[name] = str(entry)
    return flat


def _different(ours: Mapping[str, str], theirs: Mapping[str, str]) -> dict[str, str]:
    keys = dict.fromkeys([*ours, *theirs])
    return {key: theirs.get(key, "absent") for key in keys if ours.get(key) != theirs.get(key)}


def _merged(base: Any, difference: Any, depth: int = 0) -> Any:
    """A profile's values; a row (at depth 1) that is null is removed, as in `eva.settings.profiles`."""
    if not (isinstance(base, dict) and isinstance(difference, dict)):
        return difference
    both = {**base, **{key: _merged(base.get(key), value, depth + 1) for key, value in difference.items()}}
    removed = {key for key in base if depth == 1 and isinstance(base[key], dict) and both[key] is None}
    return {key: value for key, value in both.items() if key not in removed}


def _load(path: Path) -> dict[str, Any]:
    try:
        found = yaml.load(path.read_text(encoding="utf-8"), _LOADER)  # noqa: S506 - a safe loader
    except (OSError, yaml.YAMLError):
        return {}  # the stage that reads it says what is wrong
    return found if isinstance(found, dict) else {}
