"""A flow run outlasts the loss of its deployment's place; tested with Prefect 3.8.

A run of a deployment with a concurrency limit has a lease, which its process renews. If that fails, because
the server was away for minutes, Prefect's engine ends the run, and with it every stage that it waits for.
"""

from functools import partial
from typing import Any

TRIED = "3.8"
_NAMES = ("maintain_concurrency_lease", "amaintain_concurrency_lease")


def keep_runs_without_lease() -> None:
    """Let the engine of this process only warn that a lease is lost."""
    from prefect import flow_engine
    from prefect.concurrency import _leases

    for name in _NAMES:
        setattr(flow_engine, name, partial(_kept, getattr(_leases, name)))


def _kept(maintain: Any, *words: Any, **options: Any) -> Any:
    return maintain(*words, **options | {"raise_on_lease_renewal_failure": False})
