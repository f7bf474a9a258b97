"""Where every value of a params file comes from: the base profile, a difference, a hand, or a default."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eva.settings.params_file import Settings
from eva.settings.profiles import BASE, profile_names, read_difference, read_profile
from eva.settings.reference_table import ROW, entries, shown

Flat = Mapping[str, Any]  # value by key, as `sft.lr`; a list is one value
HAND, DEFAULT = "changed here", "default"


@dataclass(frozen=True)
class Origin:
    """One value; `source` is the name of a profile, `HAND` or `DEFAULT`, `note` what the profile says."""

    key: str
    value: str
    source: str
    note: str = ""


def flat(raw: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Every value by its whole key."""
    found: dict[str, Any] = {}
    for name, value in raw.items():
        key = f"{prefix}{name}"
        found |= flat(value, f"{key}.") if isinstance(value, dict) and value else {key: value}
    return found


def nearest_profile(folder: Path, raw: Mapping[str, Any]) -> str:
    """The profile that the fewest values differ from."""
    ours = flat(raw)
    profiles = {name: flat(read_profile(folder, name).raw) for name in profile_names(folder)}
    return min(profiles, key=lambda name: sum(1 for _ in _different(ours, profiles[name])))


def origins(folder: Path, profile: str, raw: Mapping[str, Any]) -> list[Origin]:
    """Every value of `raw`, which was made from `profile`, in the order of the file; defaults at the end."""
    ours, theirs = flat(raw), flat(read_profile(folder, profile).raw)
    own = flat(read_difference(folder, profile)).keys()
    by_hand = dict(_different(ours, theirs))
    written = [
        Origin(key, shown(ours[key]), HAND, f"{profile}: {by_hand[key]}")
        if key in by_hand
        else Origin(key, shown(value), profile if key in own else BASE)
        for key, value in ours.items()
    ]
    gone = [key for key in by_hand if key not in ours]
    removed = [Origin(key, "not there", HAND, f"{profile}: {by_hand[key]}") for key in gone]
    return [*written, *removed, *_defaults(raw, ours)]


def _different(ours: Flat, theirs: Flat) -> Iterator[tuple[str, str]]:
    """Keys whose values differ, each with what it is in `theirs`."""
    for key in dict.fromkeys([*ours, *theirs]):
        if key not in ours or key not in theirs or repr(ours[key]) != repr(theirs[key]):
            yield key, shown(theirs[key]) if key in theirs else "not there"


def _defaults(raw: Mapping[str, Any], written: Flat) -> Iterator[Origin]:
    for entry in entries(Settings):
        table, _, rest = entry.key.partition(f".{ROW}.")
        keys = [f"{table}.{row}.{rest}" for row in raw.get(table, {})] if rest else [entry.key]
        for key in keys:
            if entry.default and key not in written and _applies(raw, key):
                yield Origin(key, entry.default, DEFAULT)


def _applies(raw: Mapping[str, Any], key: str) -> bool:
    """Whether a default is read: how to ask an endpoint matters to backbones that are one."""
    table, name, *rest = key.split(".")
    return rest[:1] != ["endpoint"] or raw[table][name].get("source") == "endpoint"
