"""What recording costs: CPU seconds of a stage that does nothing, with and without MLflow.

Run as `python -m benchmarks.recording [CHECKOUT]`; with records in its `runs/`, also what that is of the time
of the stages that they tell of. Each measured stage is a process of its own, of which only the record's part
is counted. CPU seconds, because they hardly depend on what else the machine does.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from eva.compat.chatter import silence_libraries
from eva.record import records, stage_run

_FILES, _MLFLOW, _PRELOADED = "files", "mlflow", "preloaded"  # the last as in `make run`


def measure(root: Path, kind: str) -> float:
    """CPU seconds of an empty stage in this process."""
    silence_libraries()
    if kind == _PRELOADED:
        from mlflow.store.tracking import sqlalchemy_store  # noqa: F401
    start = time.process_time()
    with stage_run("empty", {"kind": kind}, {}, {}, root=root) as run:
        if kind != _FILES:
            run.announce()
    return time.process_time() - start


def _measured(root: Path, kind: str) -> float:
    command = [sys.executable, "-m", "benchmarks.recording", str(root), kind]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def report(here: Path, recorded: Path) -> str:
    """The costs, and their share of the recorded stages' time."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name in ("src", "pipelines", "profiles", "params.yaml"):
            (root / name).symlink_to(here / name)
        _measured(root, _MLFLOW)  # makes the database
        shown, loaded, quiet = (_measured(root, kind) for kind in (_MLFLOW, _PRELOADED, _FILES))
    lines = [
        f"files only {quiet:.2f} s; MLflow too {shown:.2f} s, {loaded:.2f} s where it was imported before"
    ]
    stages = [records.read_record(path) for path in records.latest_paths(recorded)]
    if total := sum(stage.seconds for stage in stages):
        announced = sum(stage.reused or bool(stage.history) or stage.stage == "generate" for stage in stages)
        for name, each in (("dvc repro", shown), ("make run", loaded)):
            cost = announced * each + (len(stages) - announced) * quiet
            share = f"{cost:.1f} s of {total:.0f} s, {cost / total:.1%}"
            lines.append(f"{name}: {len(stages)} stages, {announced} of them in MLflow at once: {share}")
    return "\n".join(lines)


def main(words: Sequence[str]) -> str:
    """The report, or for two words (folder and kind) one measurement."""
    if len(words) == 2:
        return str(measure(Path(words[0]), words[1]))
    return report(Path.cwd(), Path(*words) if words else Path.cwd())


if __name__ == "__main__":
    sys.stdout.write(f"{main(sys.argv[1:])}\n")
