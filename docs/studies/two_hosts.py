"""The whole DAG on two workers that share no folder, and once more after its outputs were deleted.

    PYTHONPATH=src python docs/studies/two_hosts.py OUT [--corpora DIR] [--tables FILE]

DIR is the folder that `eva data import` takes. With it, two variants on a subset of the real ESConv: some 20
minutes on two cores; without it the profile `smoke`. OUT gets all that is made: the caller's clone, a git
remote, a DVC remote and a home for each worker. The server and both workers are on this machine.
"""

import argparse
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import yaml
from study_checkout import ROOT, Checkout

from eva.artifacts import write_text
from eva.errors import InputError
from eva.settings.profiles import profile_text

WORKERS = {"first": "cpu", "second": "gpu"}  # pools by name
VARIANTS = ("base", "eva")
SETTINGS: dict[str, dict[str, Any]] = {
    "sft": {"max_train": 24, "max_valid": 4, "epochs": 1},
    "preferences": {"max_pairs": 24},
    "dpo": {"epochs": 1},
    "level_classifier": {"folds": 2, "probe_share": 0.0, "layers": 2, "max_length": 48, "lr": 2.0e-4},
    "epitome": {"folds": 2, "probe_share": 0.0, "max_length": 64},
    "generate": {"max_dialogues": 3, "max_new_tokens": 60},
    "safety": {"max_items": 5},
}
STAGES = "SELECT runs.name FROM runs JOIN tags USING (run_uuid) WHERE key = 'eva.stage'"


def make(out: Path, corpora: Path | None) -> Checkout:
    """The caller's clone with its settings, and both remotes in its environment."""
    subprocess.run(["git", "clone", "-q", "--bare", str(ROOT), str(out / "code.git")], check=True)
    (out / "dvc").mkdir()
    if corpora:
        checkout = Checkout.at(out / "caller", corpora)
        checkout.set(SETTINGS)
        keep_variants(checkout.root / "params.yaml")
    else:
        subprocess.run(["git", "clone", "-q", str(ROOT), str(out / "caller")], check=True)
        checkout = Checkout(out / "caller")
        (checkout.root / "params.yaml").write_text(profile_text(checkout.root / "profiles", "smoke"))
    prefect, mlflow = free_ports(2)
    checkout.env |= {
        "EVA_GIT_REMOTE": str(out / "code.git"), "EVA_DVC_REMOTE": str(out / "dvc"),
        "EVA_PREFECT_PORT": prefect, "EVA_MLFLOW_PORT": mlflow, "NO_PROXY": "127.0.0.1",
    }  # fmt: skip
    return checkout


def keep_variants(path: Path) -> None:
    """Leave `VARIANTS` in the settings."""
    params = yaml.safe_load(path.read_text())
    params["variants"] = {name: params["variants"][name] for name in VARIANTS}
    write_text(path, yaml.safe_dump(params, sort_keys=False))


def free_ports(count: int) -> list[str]:
    """Ports on this machine that nothing uses."""
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    found = [str(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return found


@contextmanager
def services(checkout: Checkout, out: Path) -> Iterator[None]:
    """A server, and a worker for each pool, which is told addresses and the password and nothing else."""
    workers = []
    try:
        checkout.run("flows.services", "up")
        workers = [_start_worker(checkout, out / name, pool) for name, pool in WORKERS.items()]
        time.sleep(60)  # until both have asked their queue, even on a busy machine
        for name, worker in zip(WORKERS, workers, strict=True):
            if worker.poll() is not None:
                raise InputError(f"worker {name} has ended:\n{(out / name / 'log').read_text()}")
        yield
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.wait(120)
        checkout.run("flows.services", "down")


def _start_worker(checkout: Checkout, home: Path, pool: str) -> subprocess.Popen[bytes]:
    home.mkdir()
    own = {name: value for name, value in os.environ.items() if not name.startswith("EVA_")}
    told = {name: checkout.env[name] for name in ("EVA_GIT_REMOTE", "EVA_DVC_REMOTE", "NO_PROXY")}
    told |= {
        "PREFECT_API_URL": f"http://127.0.0.1:{checkout.env['EVA_PREFECT_PORT']}/api",
        "PREFECT_API_AUTH_STRING": (checkout.root / ".eva/prefect/credential").read_text().strip(),
        "EVA_WORKER_HOME": str(home / "home"), "PYTHONPATH": str(ROOT / "src"),
    }  # fmt: skip
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, text=True, capture_output=True, check=True)
    words = [sys.executable, "-m", "eva", "worker", "--pool", pool, "--revision", head.stdout.strip()]
    with (home / "log").open("wb") as log:
        return subprocess.Popen(words, cwd=home, env=own | told, stdout=log, stderr=log)


def run_all(checkout: Checkout) -> float:
    """Seconds of the deployment `pipeline/eva`."""
    checkout.env["PREFECT_HOME"] = str(checkout.root / ".eva/prefect")
    start = time.perf_counter()
    checkout.run("prefect", "deployment", "run", "pipeline/eva", "--watch")
    return time.perf_counter() - start


def recorded(checkout: Checkout) -> Counter[str]:
    """How many MLflow runs each stage of the DAG has in the caller's record."""
    with closing(sqlite3.connect(checkout.root / "mlflow.db")) as database:
        return Counter(name for (name,) in database.execute(STAGES))


def taken(out: Path) -> dict[str, int]:
    """How many flow runs each worker took."""
    return {name: len(list((out / name / "home" / "logs").glob("*"))) for name in WORKERS}


def delete_outputs(checkout: Checkout) -> None:
    """Delete what all stages have made."""
    stages = yaml.safe_load((checkout.root / "dvc.lock").read_text())["stages"]
    for made in [out["path"] for stage in stages.values() for out in stage["outs"]]:
        path = checkout.root / made
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def study(out: Path, corpora: Path | None) -> str:
    """Both runs, as a table."""
    checkout = make(out, corpora)
    with services(checkout, out):
        first = run_all(checkout)
        once, by_worker = recorded(checkout), taken(out)
        delete_outputs(checkout)
        second = run_all(checkout)
    again = recorded(checkout) - once
    rows = [
        ("seconds, first run", f"{first:.0f}"),
        ("flow runs that the workers took", ", ".join(f"{name} {n}" for name, n in by_worker.items())),
        ("stages recorded in the caller's MLflow", str(len(once))),
        ("recorded more than once", str(sum(count > 1 for count in once.values()))),
        ("seconds, second run, outputs deleted before", f"{second:.0f}"),
        ("stages recorded by it", str(again.total())),
        ("`dvc status` of the caller", checkout.run("dvc", "status").strip()),
    ]
    head = [checkout.made_by("two_hosts.py") + ".", "", f"| {'real ESConv' if corpora else 'smoke'} | |"]
    return "\n".join([*head, "|---|---|", *(f"| {name} | {found} |" for name, found in rows)]) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--corpora", type=Path)
    parser.add_argument("--tables", type=Path)
    given = parser.parse_args()
    given.out.mkdir(parents=True)
    tables = study(given.out.resolve(), given.corpora)
    sys.stdout.write(tables)
    if given.tables:
        write_text(given.tables, tables)
