"""Looking up the registered version of an address such as `models:/eva@candidate`."""

import re
from typing import Any

from eva.errors import InputError
from eva.record import mlflow_store as store

_ADDRESS = re.compile(r"models:/(?P<name>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<version>\d+))")


def find_version(opened: store.Store, uri: str, remedy: str) -> Any:
    """The registered version of `models:/NAME@ALIAS` or `models:/NAME/VERSION`.

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
        return opened.client.get_model_version(parts["name"], parts["version"])
    except MlflowException as error:
        raise InputError(_what_is_there(opened, uri, parts["name"], error.message, remedy)) from None


def _what_is_there(opened: store.Store, uri: str, name: str, fault: str, remedy: str) -> str:
    where = f"{uri}: not in the registry of {opened.address}"
    found = opened.client.search_model_versions(f"name = '{name}'")
    if not found:
        return f"{where}: it has no model {name!r} ({fault}); {remedy}"
    numbers = sorted((int(one.version) for one in found), reverse=True)
    return f"{where} ({fault}); {name} has the versions {numbers}: write models:/{name}/{numbers[0]}"
