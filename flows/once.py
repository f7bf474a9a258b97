"""The same stage with the same inputs runs on one host at a time, whichever pipelines ask for it.

The others wait; then they find the result on the DVC remote and restore it.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from prefect.client.orchestration import get_client
from prefect.concurrency.asyncio import ConcurrencySlotAcquisitionError
from prefect.concurrency.sync import concurrency

from eva.compat.dvc_repo import run_key
from flows.stage import Log

LEASE_SECONDS = 60.0  # after which the place of a host that is gone is free; the least that Prefect takes


@contextmanager
def one_host(root: Path, stage: str, log: Log) -> Iterator[None]:
    """Hold the only place for this stage with these inputs; waits while another host has it.

    Once the stage runs it goes on whatever happens to the place: a server that is away ends no training.
    """
    key = run_key(root, stage)
    if key is None:
        yield
        return
    name = f"{stage}-{key[:16]}".replace("@", "-")
    with get_client(sync_client=True) as client:
        client.upsert_global_concurrency_limit_by_name(name, 1)
    place = ExitStack()
    take = partial(concurrency, name, lease_duration=LEASE_SECONDS, raise_on_lease_renewal_failure=False)
    try:
        place.enter_context(take(max_retries=0))
    except ConcurrencySlotAcquisitionError:
        log.info("%s waits: another host runs it with the same inputs", stage)
        place.enter_context(take())
    try:
        yield
    finally:
        _try(place.close, name, log)
    # Who waits for a place that is deleted waits no more; so only now, when the result can be restored.
    _try(partial(_delete, name), name, log)


def _delete(name: str) -> None:
    with get_client(sync_client=True) as client:
        client.delete_global_concurrency_limit_by_name(name)


def _try(give_back: Callable[[], None], name: str, log: Log) -> None:
    try:
        give_back()
    except Exception as error:  # another host has deleted it, or the server is away: the lease ends by itself
        log.debug("the place of %s was not given back: %s", name, error)
