"""A flow run watches its own state: it ends its stages when Prefect has ended the run.

The worker does so while it lives; this also holds when the worker was killed, or when this process was
suspended for so long that it passed for lost.
"""

import threading
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Running

LOOK_SECONDS = 10.0
CANCEL_SECONDS = 30.0  # that the worker has to end a cancelled run
AWAY_SECONDS = 300.0  # a state set this soon after an outage of the server counts as a mistake
REPLACED = "Replaced"  # name of the state of a lost run whose stages were given to another one


class Watch:
    """Looks at the state of flow run `run` until closed; calls `stop` once when the run is to end.

    `cancelled` says whether that was because no worker has ended a cancelled run.
    """

    def __init__(self, run: UUID, stop: Callable[[], None], log: Any) -> None:
        self._run, self._stop, self._log = run, stop, log
        self.cancelled = False
        self._closed = threading.Event()
        self._away, self._cancelling = 0.0, 0.0
        self._thread = threading.Thread(target=self._watch, daemon=True, name="watch")

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()

    def _watch(self) -> None:
        while not self._closed.wait(LOOK_SECONDS):
            try:
                with get_client(sync_client=True) as client:
                    ended = self._look(client)
            except Exception:  # the server is away; the stage goes on
                self._away = time.monotonic()
                continue
            if ended:
                return

    def _look(self, client: SyncPrefectClient) -> bool:
        """Whether the run has ended, so that there is no more to watch."""
        state = client.read_flow_run(self._run).state
        if state is None:
            return False
        if state.is_crashed() and state.name != REPLACED and self._was_away():
            client.set_flow_run_state(self._run, Running(), force=True)
            self._log.warning("the server took this run for lost while it was away; it goes on")
            return False
        if state.is_final():
            self._end(state)
            return True
        if not state.is_cancelling():
            return False
        self._cancelling = self._cancelling or time.monotonic()
        if time.monotonic() - self._cancelling < CANCEL_SECONDS:
            return False
        self.cancelled = True
        self._end(state)
        client.set_flow_run_state(self._run, Cancelled(), force=True)
        return True

    def _was_away(self) -> bool:
        return self._away > 0 and time.monotonic() - self._away < AWAY_SECONDS

    def _end(self, state: State[Any]) -> None:
        self._log.warning("the run is %s: its stages are ended", state.name)
        self._stop()
