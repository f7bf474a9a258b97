"""This machine is never asked through a proxy: Prefect, MLflow and local model servers live on it.

Companies set HTTP_PROXY for everybody; a proxy elsewhere cannot reach 127.0.0.1 of this machine.
"""

import os
from collections.abc import Mapping

_HOSTS = ("127.0.0.1", "localhost", "::1")
_NAMES = ("NO_PROXY", "no_proxy")  # libraries differ in which of the two they prefer


def without_proxy(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` with this machine among the hosts that are asked directly."""
    given = [host.strip() for name in _NAMES for host in environment.get(name, "").split(",")]
    hosts = ",".join(dict.fromkeys([*filter(None, given), *_HOSTS]))
    return {**environment, **dict.fromkeys(_NAMES, "*" if "*" in given else hosts)}


def bypass_proxy() -> None:
    """The same for this process and all that it starts."""
    os.environ.update(without_proxy(os.environ))
