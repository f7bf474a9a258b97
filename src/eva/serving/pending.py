"""A request that is being answered: is its client still there, how long may it take, what was said."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from eva.serving.refusals import GoneError, RefusedError

_LOOK = 0.1  # seconds between two looks at a client while its request waits


class Pending:
    """Used by the thread that answers and by the event loop that sends."""

    def __init__(self, seconds: float, loop: asyncio.AbstractEventLoop) -> None:
        self._left = threading.Event()
        self._seconds, self._deadline = seconds, time.monotonic() + seconds
        self._loop = loop
        self.said: asyncio.Queue[str | None] = asyncio.Queue()

    def leave(self) -> None:
        """The client is gone: the work ends at the next token."""
        self._left.set()

    def check(self) -> None:
        """Raise `GoneError` if nobody waits any more, `RefusedError` if it takes too long."""
        if self._left.is_set():
            raise GoneError
        if time.monotonic() > self._deadline:
            raise RefusedError(503, f"no answer within {self._seconds:g} s; try again later", "timeout")

    def tell(self, text: str | None) -> None:
        """Hand a piece of the reply to the event loop; None after the last."""
        self._loop.call_soon_threadsafe(self.said.put_nowait, text)

    @contextmanager
    def turn(self, lock: threading.Lock) -> Iterator[None]:
        """Hold the lock, unless the client leaves or the time is over while it waits."""
        while not lock.acquire(timeout=_LOOK):
            self.check()
        try:
            self.check()
            yield
        finally:
            lock.release()


class Sentences:
    """Hands on a growing text in whole sentences, each after a check of all that was said so far."""

    def __init__(self, allowed: Callable[[str], bool], tell: Callable[[str], Any]) -> None:
        self._allowed, self._tell = allowed, tell
        self._sent = ""

    @property
    def sent(self) -> str:
        return self._sent

    def hear(self, text: str) -> None:
        """`text` is the reply so far; what ends in the middle of a sentence waits."""
        end = max((text.rfind(mark) + 1 for mark in (". ", "! ", "? ", "\n")), default=0)
        self._hand_on(text[:end])

    def close(self, text: str) -> None:
        """`text` is the whole reply, which was checked."""
        if text.startswith(self._sent):
            self._tell(text[len(self._sent) :])
            self._sent = text

    def _hand_on(self, whole: str) -> None:
        if len(whole) > len(self._sent) and whole.startswith(self._sent) and self._allowed(whole):
            self._tell(whole[len(self._sent) :])
            self._sent = whole
