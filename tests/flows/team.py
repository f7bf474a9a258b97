"""A project with remotes, and workers on hosts of their own."""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from tests.flows.conftest import Project, make_project
from tests.flows.prefect_api import api

IGNORED = (
    "mlflow.db\n/mlruns/\n.eva/\n__pycache__/\njournal*\npipeline_run\n"
    "/data/e*.txt\n/models/\n/responses/\n/metrics/\n"
)


@dataclass
class Team:
    """The caller's project, the remotes, and the workers by name."""

    caller: Project
    git: Path
    dvc: Path
    hosts: Path
    workers: dict[str, subprocess.Popen[bytes]]
    shared: dict[str, str] = field(default_factory=dict)  # variables of all workers

    def start(self, name: str, pool: str, **variables: str) -> None:
        """`eva worker` in an empty folder, without a checkout, until its queue has been polled."""
        folder = self.hosts / name
        folder.mkdir(parents=True, exist_ok=True)
        environment = {k: v for k, v in self.caller.environment.items() if not k.startswith("EVA_")}
        environment |= self.addresses(name) | variables
        command = [sys.executable, "-m", "eva", "worker", "--pool", pool, "--revision", "main"]
        with (folder / "log").open("ab") as log:
            self.workers[name] = subprocess.Popen(
                command, cwd=folder, env=environment, stdout=log, stderr=log
            )

    def addresses(self, name: str) -> dict[str, str]:
        return {
            "PREFECT_API_URL": f"http://127.0.0.1:{self.caller.environment['EVA_PREFECT_PORT']}/api",
            "PREFECT_API_AUTH_STRING": self.caller.credential,
            "EVA_GIT_REMOTE": str(self.git),
            "EVA_DVC_REMOTE": str(self.dvc),
            "EVA_WORKER_HOME": str(self.hosts / name / "home"),
            "EVA_TEST_JOURNAL": self.caller.environment["EVA_TEST_JOURNAL"],
            "EVA_TEST_HOST": name,
            "PYTHONPATH": str(Path(__file__).parents[2] / "src"),
            "PREFECT_WORKER_QUERY_SECONDS": "2",
            **self.shared,
        }

    def kill(self, name: str) -> None:
        """End all processes of a host at once, as when its power is cut: none sees another end."""
        self.signal(name, signal.SIGSTOP)
        self.signal(name, signal.SIGKILL)

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to all processes of a host."""
        for process in self.processes(name):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def makers(self, *words: str) -> list[str]:
        """The hosts that have a process with these words beside each other in its command."""
        return sorted(name for name in self.workers if any(_has(one, words) for one in self.processes(name)))

    def launcher(self, rank: int) -> psutil.Process | None:
        """The process that starts those of the host with this rank in a training."""
        words, every = ["--node-rank", str(rank)], map(self.processes, self.workers)
        return next((one for some in every for one in some if _has(one, words)), None)

    def processes(self, name: str) -> Iterator[psutil.Process]:
        """All processes of a host."""
        home = str(self.hosts / name / "home")
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get("EVA_WORKER_HOME") == home:
                    yield process

    def pipeline_in(self, folder: Path, target: str) -> subprocess.Popen[bytes]:
        """The flow `pipeline` in another workspace, as a process of its own."""
        code = (
            "import asyncio, sys; from flows.pipeline import pipeline; asyncio.run(pipeline([sys.argv[1]]))"
        )
        environment = self.caller.environment | self.addresses("workspace")
        environment |= {
            "PREFECT_HOME": str(folder / ".eva" / "prefect"), "PYTHONPATH": "src", "NO_PROXY": "127.0.0.1",
        }  # fmt: skip
        with (self.hosts / "workspace.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-c", code, target], cwd=folder, env=environment, stdout=log, stderr=log
            )

    def stop(self) -> None:
        for worker in self.workers.values():
            worker.send_signal(signal.SIGINT)
        for worker in self.workers.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                worker.wait(30)
            worker.kill()

    def await_workers(self, *pools: str) -> None:
        deadline = time.monotonic() + 120
        while not all(self._ready(pool) for pool in pools):
            assert time.monotonic() < deadline, [p.read_text()[-2000:] for p in self.hosts.glob("*/log")]
            time.sleep(1)

    def _ready(self, pool: str) -> bool:
        queues: list[dict[str, Any]] = api(self.caller, f"/work_pools/{pool}/queues/filter", {})
        return any(q["name"].startswith("constraints-") and q["status"] == "READY" for q in queues)


def _has(process: psutil.Process, words: Sequence[str]) -> bool:
    try:
        line = process.cmdline()
    except psutil.Error:
        return False
    return any(line[place : place + len(words)] == [*words] for place in range(len(line)))


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@localhost"]
    done = subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout


def make_team(folder: Path, root: Path) -> Team:
    caller = make_project(folder / "checkout", root)
    (caller.folder / ".gitignore").write_text(IGNORED)
    (caller.folder / ".dvc" / ".gitignore").write_text("/config.local\n/tmp\n/cache\n")
    pins = (root / "constraints.txt").read_text().splitlines()
    pinned = next(line for line in pins if line.startswith("prefect=="))
    (caller.folder / "constraints.txt").write_text(pinned)
    (folder / "remote.git").mkdir()
    git(folder / "remote.git", "init", "--quiet", "--bare", "--initial-branch=main")
    git(caller.folder, "add", "--all")
    git(caller.folder, "commit", "--quiet", "-m", "with remotes")
    git(caller.folder, "branch", "--quiet", "-M", "main")
    git(caller.folder, "push", "--quiet", str(folder / "remote.git"), "main")
    caller.environment["EVA_GIT_REMOTE"] = str(folder / "remote.git")
    caller.environment["EVA_DVC_REMOTE"] = str(folder / "dvc-remote")
    (folder / "dvc-remote").mkdir()
    (folder / "hosts").mkdir()
    return Team(caller, folder / "remote.git", folder / "dvc-remote", folder / "hosts", {})
