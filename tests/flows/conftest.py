"""A small DVC project that the real flows and services run in."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from eva.settings.profiles import profile_text

DVC_CONFIG = """
[core]
    analytics = false
    remote = local
['remote "local"']
    url = ../.eva/remote
"""

# `ls` is not in the virtual environment: the rest of PATH must be there too
DVC_YAML = """
stages:
  prepare:
    foreach: {esconv: {}, ed: {}}
    do:
      cmd: ls data && python stage.py data/${key}.txt data/raw.txt
      deps: [data/raw.txt]
      outs: ['data/${key}.txt']
      meta: {pool: cpu}
  sft:
    matrix: {corpus: [esconv], seed: [1, 2]}
    cmd: >-
      python stage.py models/sft-${item.corpus}-${item.seed}.txt data/${item.corpus}.txt fails
      metrics/sft/${item.corpus}-${item.seed}.json
    deps: ['data/${item.corpus}.txt', fails]
    params: [sft.lr]
    outs: ['models/sft-${item.corpus}-${item.seed}.txt', 'metrics/sft/${item.corpus}-${item.seed}.json']
    meta: {pool: gpu}
  generate:
    matrix: {corpus: [esconv], seed: [1, 2]}
    cmd: python stage.py responses/${item.corpus}-${item.seed}.txt models/sft-${item.corpus}-${item.seed}.txt
    deps: ['models/sft-${item.corpus}-${item.seed}.txt']
    params: [dpo.beta]
    outs: ['responses/${item.corpus}-${item.seed}.txt']
    meta: {pool: gpu}
  report:
    cmd: python stage.py metrics/report.json responses
    deps: [responses]
    outs: [metrics/report.json]
    meta: {pool: cpu}
"""

METRICS = '{"eval_loss": 1.5}'  # of each training

# Notes when it ran, stays while `journal.hold` lists its output, and refuses if the file `fails` does.
STAGE = (
    f"METRICS = {METRICS!r}"
    + """
import os, sys, time
from pathlib import Path

out = Path(sys.argv[1])
with open(os.environ["EVA_TEST_JOURNAL"], "a") as journal:
    journal.write(f"{time.time()} start {out}\\n")
Path("pipeline_run").write_text(os.environ.get("EVA_PIPELINE_RUN", "none"))
print("making", out, flush=True)
hold = Path(os.environ["EVA_TEST_JOURNAL"] + ".hold")
while hold.exists() and str(out) in hold.read_text().split():
    time.sleep(0.1)
time.sleep(0.3)
if str(out) in Path("fails").read_text().split():
    sys.exit(f"stage.py: no supervised tokens in {out}")
out.parent.mkdir(parents=True, exist_ok=True)
out.write_text('{"esconv/smollm2/eva/overlap/bleu_2": 3.1}')
for metrics in filter(lambda word: word.startswith("metrics/"), sys.argv[2:]):
    Path(metrics).parent.mkdir(parents=True, exist_ok=True)
    Path(metrics).write_text(METRICS)
with open(os.environ["EVA_TEST_JOURNAL"], "a") as journal:
    journal.write(f"{time.time()} end {out}\\n")
"""
)

STAGES = {
    "prepare@esconv": "cpu",
    "prepare@ed": "cpu",
    "sft@esconv-1": "gpu",
    "sft@esconv-2": "gpu",
    "generate@esconv-1": "gpu",
    "generate@esconv-2": "gpu",
    "report": "cpu",
}


@dataclass(frozen=True)
class Project:
    """The DVC project and the environment that its commands run in."""

    folder: Path
    environment: dict[str, str]

    def run(self, *argv: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *argv],
            cwd=self.folder,
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )

    @property
    def credential(self) -> str:
        """The user and password of the Prefect server."""
        return (self.folder / ".eva/prefect/credential").read_text().strip()

    def journal(self) -> list[str]:
        """What ran, in the order in which it started."""
        return [line.split()[2] for line in self._journal_lines() if line.split()[1] == "start"]

    def finished(self) -> list[str]:
        """What came to its end."""
        return [line.split()[2] for line in self._journal_lines() if line.split()[1] == "end"]

    def hold(self, *outs: str) -> None:
        """Stages that make one of these stay until another call."""
        Path(self.environment["EVA_TEST_JOURNAL"] + ".hold").write_text(" ".join(outs))

    def open_at_once(self, prefix: str) -> int:
        """The most stages with an output below `prefix` that ever ran at the same time."""
        most = now = 0
        for line in self._journal_lines():
            _, event, out = line.split()
            if out.startswith(prefix):
                now += 1 if event == "start" else -1
                most = max(most, now)
        return most

    def _journal_lines(self) -> list[str]:
        path = Path(self.environment["EVA_TEST_JOURNAL"])
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def project(tmp_path: Path, root: Path) -> Project:
    return make_project(tmp_path / "checkout", root)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[Project]:
    """A project whose services are up; down after each file, because they compute also while they wait."""
    project = make_project(tmp_path_factory.mktemp("served") / "checkout", root)
    try:
        started = project.run("-m", "flows.services", "up")
        assert started.returncode == 0, started.stdout + started.stderr
        yield project
    finally:
        project.run("-m", "flows.services", "down")


def make_project(folder: Path, root: Path) -> Project:
    written = shutil.ignore_patterns("__pycache__")
    for name in ("src/eva", "flows", "plugins", "mlflow", "data/sample"):
        shutil.copytree(root / name, folder / name, ignore=written)
    settings = profile_text(root / "profiles", "smoke")
    settings = settings.replace("lr: 1.0e-3", "lr: 2.0e-5", 1)  # which DVC writes as 2e-05
    (folder / "params.yaml").write_text(settings)
    shutil.copy(root / "prefect.yaml", folder)
    (folder / ".dvc").mkdir()
    (folder / ".dvc" / "config").write_text(DVC_CONFIG)
    (folder / "dvc.yaml").write_text(DVC_YAML)
    (folder / "stage.py").write_text(STAGE)
    (folder / "fails").write_text("")
    (folder / "data" / "raw.txt").write_text("raw")
    (folder / ".gitignore").write_text(".eva\n__pycache__\njournal\npipeline_run\nmlruns\nmlflow.db*\n")
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@example.org"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "toy"]):
        subprocess.run([*git, *words], cwd=folder, check=True)
    foreign = ("PREFECT_", "MLFLOW_", "NO_PROXY", "no_proxy")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
    return Project(
        folder,
        {
            **environment,
            "PYTHONPATH": "src",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}",
            "EVA_TEST_JOURNAL": str(folder / "journal"),
            "HTTP_PROXY": "http://127.0.0.1:9",  # as in a company; nothing there answers
            "http_proxy": "http://127.0.0.1:9",
            "EVA_NOTIFY_URL": f"http://127.0.0.1:{free_port()}",  # a test listens there
            "EVA_PREFECT_PORT": str(free_port()),
            "EVA_MLFLOW_PORT": str(free_port()),
        },
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
