"""A full disk, a kill and Ctrl-C: nothing wrong is stored, and the same command then succeeds."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from eva.integrity.verification import verify

pytestmark = pytest.mark.slow

STAGES = """
stages:
  slow:
    cmd: python slow.py
    outs: [out]
    deps: [slow.py]
"""
# Writes half of its out, waits for the file `go`, writes the rest.
SLOW = """
import time
from pathlib import Path

Path("out").mkdir(exist_ok=True)
Path("out/first").write_text("first" * 1000)
Path("begun").touch()
deadline = time.monotonic() + 60
while not Path("go").exists() and time.monotonic() < deadline:
    time.sleep(0.05)
Path("out/second").write_text("second" * 1000)
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """A DVC repository in which nothing has run."""
    folder = tmp_path_factory.mktemp("made")
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q"], cwd=folder, check=True)
    shutil.copy(root / ".dvc" / "config", folder / ".dvc/config")
    (folder / "dvc.yaml").write_text(STAGES)
    (folder / "slow.py").write_text(SLOW)
    return folder


@pytest.fixture
def repository(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of `made`, and the current folder."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    for name in ("EVA_CHECKPOINTS", "EVA_ANSWERS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def start(*words: str) -> "subprocess.Popen[str]":
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.Popen(
        [sys.executable, "-m", *words], env={**os.environ, "PATH": path}, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
@pytest.mark.parametrize("whole_group", [True, False])
def test_an_ended_repro_is_repeated(repository: Path, number: signal.Signals, whole_group: bool) -> None:
    process = start("dvc", "repro")
    for _ in range(600):
        if (repository / "begun").exists():
            break
        time.sleep(0.1)
    assert process.poll() is None
    (os.killpg if whole_group else os.kill)(process.pid, number)
    if not whole_group:
        (repository / "go").touch()  # the stage, which outlives a killed DVC, comes to its end
    assert process.wait(60) != 0 or not whole_group
    assert verify(repository).problems == []
    (repository / "go").touch()
    done = start("dvc", "repro")
    said, _ = done.communicate(timeout=120)
    assert done.returncode == 0, said
    assert (repository / "out" / "second").read_text() == "second" * 1000
    assert verify(repository).problems == []
    again, _ = start("dvc", "status").communicate(timeout=120)
    assert "up to date" in again


def limited(size: int) -> Callable[[], None]:
    """No file may grow past `size` bytes, as on a disk that is full by then."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_a_full_disk_stores_nothing_wrong(repository: Path, root: Path) -> None:
    source = repository / "corpora"
    shutil.copytree(root / "data" / "sample" / "esconv", source / "esconv")
    environment = {**os.environ, "PYTHONPATH": str(root / "src")}
    command = [sys.executable, "-m", "eva", "data", "import", "corpora"]
    done = subprocess.run(
        command, env=environment, preexec_fn=limited(10_000), capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert "File too large" in done.stderr and "Traceback" not in done.stderr
    assert not (repository / "data" / "raw" / "esconv").exists()
    assert not list((repository / "data" / "raw").iterdir())
    assert verify(repository).problems == []
    assert subprocess.run(command, env=environment, check=False).returncode == 0
    assert verify(repository).problems == []


def test_a_cache_that_fills_up_stores_nothing_wrong(repository: Path) -> None:
    (repository / "large").write_bytes(os.urandom(3_000_000))
    command = [sys.executable, "-m", "dvc", "add", "large"]
    done = subprocess.run(command, preexec_fn=limited(1_000_000), capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert verify(repository).problems == []
    assert subprocess.run(command, check=False).returncode == 0
    assert verify(repository).problems == []
    assert verify(repository).checked[0].startswith("DVC cache: 1 object,")
