"""Looking up the registered version of an address such as `models:/eva@champion`."""

import re
from typing import Any

from eva.errors import InputError
from eva.record import mlflow_store as store
from eva.registry.promotion import CHALLENGER, CHAMPION

_ADDRESS = re.compile(r"models:/(?P<name>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<version>\d+))?")


def find_version(opened: store.Store, uri: str, remedy: str) -> Any:
    """The registered version of `models:/NAME@ALIAS`, `models:/NAME/VERSION` or `models:/NAME`.

    Of a name alone: the champion; without one, the challenger; without either, the newest version.

    Raises:
        InputError: there is none; says which versions exist, or if there are none, the `remedy`.
    """
    from mlflow.exceptions import MlflowException

    parts = _ADDRESS.fullmatch(uri)
    if parts is None:
        raise InputError(f"{uri}: write models:/NAME@ALIAS or models:/NAME/VERSION")
    try:
        if parts["alias"]:
            return opened.client.get_model_version_by_alias(parts["name"], parts["alias"])
        if parts["version"]:
            return opened.client.get_model_version(parts["name"], parts["version"])
    except MlflowException as error:
        raise InputError(_what_is_there(opened, uri, parts["name"], error.message, remedy)) from None
    if (found := in_use(opened, parts["name"])) is None:
        raise InputError(_what_is_there(opened, uri, parts["name"], "no version", remedy))
    return found


def in_use(opened: store.Store, name: str) -> Any | None:
    """The champion of a name; without one the challenger, without either the newest version."""
    for alias in (CHAMPION, CHALLENGER):
        if (found := with_alias(opened, name, alias)) is not None:
            return found
    return next(iter(versions_of(opened, name)), None)


def with_alias(opened: store.Store, name: str, alias: str) -> Any | None:
    """The version that has an alias, or None."""
    from mlflow.exceptions import MlflowException

    try:
        return opened.client.get_model_version_by_alias(name, alias)
    except MlflowException as error:
        if not store.is_absent(error):
            raise
        return None


def ensure_model(opened: store.Store, name: str) -> None:
    """Make the registered model unless there is one of that name."""
    from mlflow.exceptions import MlflowException

    try:
        opened.client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def versions_of(opened: store.Store, name: str) -> list[Any]:
    """All versions of a registered model, newest first."""
    found = opened.client.search_model_versions(f"name = '{name}'")
    return sorted(found, key=lambda one: -int(one.version))


def _what_is_there(opened: store.Store, uri: str, name: str, fault: str, remedy: str) -> str:
    where = f"{uri}: not in the registry of {opened.address}"
    found = versions_of(opened, name)
    if not found:
        return f"{where}: it has no model {name!r} ({fault}); {remedy}"
    numbers = [int(one.version) for one in found]
    return f"{where} ({fault}); {name} has the versions {numbers}: write models:/{name}/{numbers[0]}"
