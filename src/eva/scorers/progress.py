"""How far a long loop has come, in the log."""

import logging
import time

log = logging.getLogger(__name__)

_EVERY = 20.0  # seconds


class Progress:
    """Tells of a loop of `total` rounds: every 20 seconds, and at its end."""

    def __init__(self, title: str, total: int) -> None:
        self._title, self._total = title, total
        self._began = self._told = time.monotonic()

    def tell(self, done: int, said: str) -> None:
        """`done` rounds are over; `said` is what there is to say of them."""
        now = time.monotonic()
        if done < self._total and now < self._told + _EVERY:
            return
        self._told, spent = now, now - self._began
        left = spent / done * (self._total - done)
        log.info("%s: %d of %d, %s, %.0f s, %.0f s to go", self._title, done, self._total, said, spent, left)
