"""The parameters that a stage declares in `dvc.yaml`: what it may read, and what its record holds."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from eva.settings.params_file import Settings

_TEMPLATE = re.compile(r"\$\{([^}]+)\}")


class UndeclaredError(Exception):
    """A stage read a parameter that `dvc.yaml` does not declare, so DVC would not see it change."""


def declared_keys(stage: str, axes: Mapping[str, str], dvc_yaml: Path) -> tuple[str, ...]:
    """Keys of `params.yaml` such as `sft` or `variants.eva.acquire`, for one item of a stage.

    Args:
        stage: the stage's word.
        axes: its axis values by name, for `${item.<axis>}`; joined by dashes they are `${key}`.
        dvc_yaml: the file that holds the stage.
    """
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast where it is built
    entry = yaml.load(dvc_yaml.read_text(encoding="utf-8"), loader)["stages"][stage]  # noqa: S506
    known = {"key": "-".join(axes.values()), **{f"item.{name}": value for name, value in axes.items()}}
    keys = entry.get("do", entry).get("params", [])
    return tuple(_TEMPLATE.sub(lambda found: known[found[1]], key) for key in keys)


class Declared:
    """A part of the settings of which only declared keys can be read; others raise `UndeclaredError`."""

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
            f"stage {self._stage} reads `{self._path}.{name}`, which its entry in dvc.yaml does not declare: "
            "DVC would not run it again when that changes. Add the key to the `params` of the stage"
        )


def section(settings: Settings, name: str, stage: str, keys: tuple[str, ...]) -> Any:
    """One section as the stage may read it: whole if it is declared whole, else its declared keys."""
    whole = getattr(settings, f"{name}_" if f"{name}_" in Settings.model_fields else name)
    if name in keys:
        return whole
    if any(key.startswith(f"{name}.") for key in keys):
        return Declared(whole, name, stage, keys)
    raise UndeclaredError(f"stage {stage} takes section `{name}`, of which dvc.yaml declares nothing")


def recorded(settings: Settings, keys: tuple[str, ...]) -> dict[str, Any]:
    """The declared keys with their values, as plain data."""
    everything = {key.rstrip("_"): value for key, value in settings.model_dump(mode="json").items()}
    return {key: _at(everything, key) for key in keys}


def _at(value: Any, key: str) -> Any:
    for part in key.split("."):
        value = value[part]
    return value
