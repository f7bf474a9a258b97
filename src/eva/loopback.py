"""Requests to this machine bypass any HTTP proxy: Prefect, MLflow and local model servers run on it.

Many companies set HTTP_PROXY on every machine, and a proxy elsewhere cannot reach this machine's 127.0.0.1.
"""

import os
from collections.abc import Mapping

_HOSTS = ("127.0.0.1", "localhost", "::1")
_NAMES = ("NO_PROXY", "no_proxy")  # libraries differ in which of the two they prefer


def without_proxy(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` with this machine's names added to NO_PROXY and no_proxy."""
    given = [host.strip() for name in _NAMES for host in environment.get(name, "").split(",")]
    hosts = ",".join(dict.fromkeys([*filter(None, given), *_HOSTS]))
    return {**environment, **dict.fromkeys(_NAMES, "*" if "*" in given else hosts)}


def bypass_proxy() -> None:
    """Do the same to the environment of this process, which all processes that it starts inherit."""
    os.environ.update(without_proxy(os.environ))
