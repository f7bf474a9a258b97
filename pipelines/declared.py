"""The parameters that a stage declares in `dvc.yaml`: only these can be read, and the record holds them."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from eva.settings.params_file import Settings

_TEMPLATE = re.compile(r"\$\{([^}]+)\}")


class UndeclaredError(Exception):
    """A stage read a parameter that `dvc.yaml` does not declare, so DVC would not see it change."""


def declared_keys(stage: str, axes: Mapping[str, str], dvc_yaml: Path, settings: Settings) -> tuple[str, ...]:
    """The keys that one item of a stage declares, such as `sft` or `variants.eva.acquire`.

    Args:
        stage: name of the stage.
        axes: its axis values by name; they replace `${item.<axis>}`, and joined by dashes `${key}`.
        dvc_yaml: the file with the stage.
        settings: whose values replace others, such as `${register.backbone}`.
    """
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, if PyYAML has it
    entry = yaml.load(dvc_yaml.read_text(encoding="utf-8"), loader)["stages"][stage]  # noqa: S506
    known = {"key": "-".join(axes.values()), **{f"item.{name}": value for name, value in axes.items()}}
    keys = entry.get("do", entry).get("params", [])
    values = _values(settings)

    def replaced(found: re.Match[str]) -> str:
        return str(known[found[1]] if found[1] in known else _at(values, found[1]))

    return tuple(_TEMPLATE.sub(replaced, key) for key in keys)


class Declared:
    """A part of the settings; reading a key that is not declared raises `UndeclaredError`."""

    def __init__(self, part: Any, path: str, stage: str, keys: tuple[str, ...]) -> None:
        self._part, self._path, self._stage, self._keys = part, path, stage, keys

    def __getattr__(self, name: str) -> Any:
        return self._read(name, lambda: getattr(self._part, name))

    def __getitem__(self, name: str) -> Any:
        return self._read(name, lambda: self._part[name])

    def __iter__(self) -> Iterator[str]:
        raise self._refusal("*")

    def _read(self, name: str, read: Callable[[], Any]) -> Any:
        key = f"{self._path}.{name}"
        if any(key == one or key.startswith(f"{one}.") for one in self._keys):
            return read()
        if any(one.startswith(f"{key}.") for one in self._keys):
            return Declared(read(), key, self._stage, self._keys)
        raise self._refusal(name)

    def _refusal(self, name: str) -> UndeclaredError:
        return UndeclaredError(
            f"stage {self._stage} reads `{self._path}.{name}`, which its entry in dvc.yaml does not declare, "
            "so DVC would not run it again when that changes. Add the key to the `params` of the stage"
        )


def section(settings: Settings, name: str, stage: str, keys: tuple[str, ...]) -> Any:
    """One section for the stage: the whole section if it is declared, else only its declared keys."""
    whole = getattr(settings, f"{name}_" if f"{name}_" in Settings.model_fields else name)
    if name in keys:
        return whole
    if any(key.startswith(f"{name}.") for key in keys):
        return Declared(whole, name, stage, keys)
    raise UndeclaredError(f"stage {stage} takes section `{name}`, but dvc.yaml declares no key of it")


def recorded(settings: Settings, keys: tuple[str, ...]) -> dict[str, Any]:
    """The declared keys with their values, as plain data."""
    values = _values(settings)
    return {key: _at(values, key) for key in keys}


def _values(settings: Settings) -> dict[str, Any]:
    return {key.rstrip("_"): value for key, value in settings.model_dump(mode="json").items()}


def _at(value: Any, key: str) -> Any:
    for part in key.split("."):
        value = value[part]
    return value
