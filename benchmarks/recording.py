"""What recording costs: seconds of a stage that does nothing, with and without MLflow.

Run as `python -m benchmarks.recording` in a checkout; with records in `runs/`, also what that is of the
time of the stages that they tell of.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

from eva.compat.chatter import silence_libraries
from eva.record import records, stage_run

_REPEATS = 5


def seconds(root: Path, number: int, announce: bool) -> float:
    """Wall time of one empty stage."""
    start = time.perf_counter()
    with stage_run("empty", {"seed": number}, {}, {}, root=root) as run:
        if announce:
            run.announce()
    return time.perf_counter() - start


def main() -> None:
    """Print the medians, and the share of the recorded stages' time."""
    silence_libraries()
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name in ("src", "pipelines", "profiles", "params.yaml"):
            (root / name).symlink_to(here / name)
        first = seconds(root, -1, announce=True)
        quiet = statistics.median(seconds(root, n, announce=False) for n in range(_REPEATS))
        shown = statistics.median(seconds(root, n, announce=True) for n in range(_REPEATS))
    told = [f"file only {quiet:.2f} s; with MLflow {shown:.2f} s, the first in a process {first:.2f} s"]
    stages = [records.read_record(path) for path in records.latest_paths(here)]
    if total := sum(stage.seconds for stage in stages):
        announced = sum(bool(stage.samples) for stage in stages)
        cost = announced * first + (len(stages) - announced) * quiet
        share = f"{cost:.1f} s of {total:.0f} s, {cost / total:.1%}"
        told.append(f"{len(stages)} stages, {announced} with MLflow: {share}")
    sys.stdout.write("\n".join(told) + "\n")


if __name__ == "__main__":
    main()
