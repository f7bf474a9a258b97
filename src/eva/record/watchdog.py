"""A process beside a stage that records its end where the stage is killed and cannot do it itself.

It is started with the unfinished record, and waits for a pipe from the stage to close. The kernel closes the
pipe however the stage ends; only a stage that has written its own record says so before. The process imports
nothing until then.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eva.record.records import Record

_RELEASED = "released"


class Watchdog:
    """Watches this process until `release`."""

    def __init__(self, record: "Record", root: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-S", __file__, *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C and a signal to the stage's group are not meant for it
            text=True,
        )
        self._tell(json.dumps({"root": str(root), "record": asdict(record)}))

    def release(self) -> None:
        """The stage has written its record."""
        self._tell(_RELEASED)
        with suppress(OSError, subprocess.TimeoutExpired):  # the record is written, so nothing is lost
            self._process.communicate(timeout=30)

    def _tell(self, line: str) -> None:
        with suppress(OSError, ValueError):  # it has ended
            print(line, file=self._process.stdin, flush=True)


def record_killed(given: Mapping[str, Any]) -> None:
    """Write the record of a stage whose process is gone, and complete its run in MLflow."""
    from dataclasses import replace
    from datetime import UTC, datetime

    from eva.record import records
    from eva.record.replay import settle_pending

    root = Path(given["root"])
    record = records.parse_record(given["record"], "the record of a killed stage")
    seconds = (datetime.now(UTC) - datetime.fromisoformat(record.started)).total_seconds()
    killed = replace(record, status="KILLED", error="the process was killed", seconds=round(seconds, 3))
    records.write_record(killed, root)
    settle_pending(root)


def main() -> None:
    """Wait for the end of the stage that started this process."""
    first, *others = sys.stdin
    if not any(line.strip() == _RELEASED for line in others):
        sys.path[:] = sys.argv[1:]
        record_killed(json.loads(first))


if __name__ == "__main__":
    main()
