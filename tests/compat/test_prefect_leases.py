"""A lease that cannot be renewed ends a flow run as Prefect has it, and none of ours."""

import inspect
import threading
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from prefect import flow_engine
from prefect._internal.concurrency.cancellation import CancelledError
from prefect.concurrency import _leases

from eva.compat.prefect_leases import keep_runs_without_lease


@pytest.fixture(autouse=True)
def lost(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The server does not know the lease any more; afterwards the engine is as before."""

    def refuse(*_: Any) -> None:
        raise RuntimeError("410 Gone")

    monkeypatch.setattr(_leases, "_lease_renewal_loop", refuse)
    for name in ("maintain_concurrency_lease", "amaintain_concurrency_lease"):
        assert f"{name}(" in inspect.getsource(flow_engine)
        monkeypatch.setattr(flow_engine, name, getattr(_leases, name))  # an earlier test may have changed it
    yield


def run_under_a_lease() -> str:
    """What the engine does with a run whose deployment has a limit."""
    lease = uuid4()
    with flow_engine.maintain_concurrency_lease(lease, 300, raise_on_lease_renewal_failure=True):
        while any(str(lease) in thread.name for thread in threading.enumerate()):
            threading.Event().wait(0.05)
        return "done"


def test_the_engine_ends_such_a_run() -> None:
    with pytest.raises(CancelledError):
        run_under_a_lease()


def test_ours_goes_on() -> None:
    keep_runs_without_lease()

    assert run_under_a_lease() == "done"
