"""What Prefect adds: the same stages by DVC alone and by the deployment `pipeline/eva`, each from nothing.

Run as `python -m benchmarks.orchestration [--profile laptop] [--rounds 1] [--targets report]` in a checkout.
Each execution gets a new clone of what is committed, without results, caches or checkpoints. The seconds are
those that a user waits for the command; `make up`, which starts servers and workers, is not among them.
`forks` is DVC as `make run` starts it: the stages fork from a process with the libraries, as those of the
deployment do (ADR 53).
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import yaml

CACHES = ("EVA_CHECKPOINTS", "EVA_ANSWERS")  # a user's own, which would save one way its work
Way = Callable[[Path, Sequence[str]], float]


def by_dvc(folder: Path, targets: Sequence[str]) -> float:
    """Seconds of `dvc repro` in a clone."""
    return _seconds(folder, ["dvc", "repro", *targets], {})


def by_forks(folder: Path, targets: Sequence[str]) -> float:
    """Seconds of `dvc repro` in a clone, whose stages need not import their libraries."""
    return _seconds(folder, ["pipelines.preloading", "dvc", "repro", *targets], {})


def by_prefect(folder: Path, targets: Sequence[str]) -> float:
    """Seconds of a run of the deployment in a clone, from the command that starts it to its end."""
    ports = {name: str(_free_port()) for name in ("EVA_PREFECT_PORT", "EVA_MLFLOW_PORT")}
    home = {"PREFECT_HOME": str(folder / ".eva" / "prefect"), "NO_PROXY": "127.0.0.1"}
    words = ["deployment", "run", "pipeline/eva", "--watch", "-p", f"targets={json.dumps(list(targets))}"]
    try:
        _seconds(folder, ["flows.services", "up"], ports)
        return _seconds(folder, ["prefect", *words], home)
    finally:
        _seconds(folder, ["flows.services", "down"], ports)


WAYS: dict[str, Way] = {"dvc repro": by_dvc, "forks": by_forks, "pipeline": by_prefect}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _clone(profile: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent, "eva")
        subprocess.run(["git", "clone", "--quiet", ".", str(folder)], check=True)
        _seconds(folder, ["eva", "params", "use", profile], {})
        _seconds(folder, ["dvc", "remote", "add", "--local", "--default", "local", f"{parent}/remote"], {})
        yield folder


def _seconds(folder: Path, words: Sequence[str], variables: dict[str, str]) -> float:
    """Seconds of a module of Python in a clone; what it prints is shown only if it fails."""
    kept = {name: value for name, value in os.environ.items() if name not in CACHES}
    scripts = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
    environment = {**kept, "PYTHONPATH": "src", "PATH": scripts, **variables}
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=folder, env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(words)} failed:\n{(done.stdout + done.stderr)[-4000:]}")
    return time.perf_counter() - start


def report(profile: str, targets: Sequence[str], rounds: int) -> str:
    """All ways in turn, `rounds` times: the medians, and the deployment's beside the others'."""
    seconds: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(rounds):
        for name, way in WAYS.items():
            with _clone(profile) as folder:
                seconds[name].append(way(folder, targets))
                stages = len(yaml.safe_load((folder / "dvc.lock").read_text())["stages"])
            sys.stderr.write(f"{name}: {stages} stages in {seconds[name][-1]:.0f} s\n")
    medians = {name: statistics.median(found) for name, found in seconds.items()}
    told = [f"{name} {found:.0f} s" for name, found in medians.items()]
    own = medians.pop("pipeline")
    told += [f"pipeline to {name} {own / found:.2f}" for name, found in medians.items()]
    return f"{profile}, {stages} stages: {', '.join(told)}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--profile", default="laptop")
    parser.add_argument("--targets", nargs="*", default=["report"])
    parser.add_argument("--rounds", type=int, default=1)
    sys.stdout.write(f"{report(**vars(parser.parse_args()))}\n")
