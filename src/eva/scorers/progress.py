"""Progress of a long loop, written to the log."""

import logging
import time

log = logging.getLogger(__name__)

_EVERY = 20.0  # seconds


class Progress:
    """Logs the progress of a loop of `total` steps, every 20 seconds and at its end."""

    def __init__(self, title: str, total: int) -> None:
        self._title, self._total = title, total
        self._started = self._logged = time.monotonic()

    def log(self, done: int, message: str) -> None:
        """Log `message` after `done` steps, unless the last line is less than 20 seconds old."""
        now = time.monotonic()
        if done < self._total and now < self._logged + _EVERY:
            return
        self._logged, spent = now, now - self._started
        left = spent / done * (self._total - done)
        log.info(
            "%s: %d of %d, %s, %.0f s, about %.0f s left",
            self._title,
            done,
            self._total,
            message,
            spent,
            left,
        )
