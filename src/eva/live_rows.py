"""Rows of numbers that a training hands on while it runs, in a file that the record of its stage reads.

A training may run in other processes than its stage. They share a file, which the stage names in the
environment; without it, nothing is written. The final history comes from the training's result.
"""

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

VARIABLE = "EVA_LIVE_ROWS"


def hand_on(row: Mapping[str, float]) -> None:
    """Append a row and its time (seconds since 1970) to the file, if one is named."""
    if not (path := os.environ.get(VARIABLE)):
        return
    line = json.dumps({**row, "time": round(time.time(), 3)})
    with suppress(OSError), Path(path).open("a", encoding="utf-8") as file:  # no training ends for this
        file.write(f"{line}\n")
