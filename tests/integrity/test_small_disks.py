"""DVC's cache on a disk that is full or may only be read: the right message, and nothing lost."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from eva.integrity.verification import verify

pytestmark = pytest.mark.slow

STAGES = """
stages:
  folder:
    cmd: mkdir -p out && head -c 150000 /dev/urandom > out/first && echo once >> journal
    outs: [out]
"""


@dataclass(frozen=True)
class Small:
    """A repository whose cache lies on a disk of its own."""

    root: Path
    disk: Path

    def remount(self, how: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{how}", str(self.disk)], check=True)

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True, check=False)


@pytest.fixture
def small(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Small]:
    made = Small(tmp_path / "checkout", tmp_path / "disk")
    for folder in (made.root, made.disk):
        folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", str(made.disk)]
    if shutil.which("mount") is None or subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("a small disk needs the right to mount one")
    try:
        monkeypatch.chdir(made.root)
        monkeypatch.setenv("PYTHONPATH", str(root / "src"))
        for name in ("EVA_CHECKPOINTS", "EVA_ANSWERS"):
            monkeypatch.delenv(name, raising=False)
        subprocess.run(["git", "init", "-q"], check=True)
        assert made.run("dvc", "init", "-q").returncode == 0
        shutil.copy(root / ".dvc" / "config", ".dvc/config")
        assert made.run("dvc", "cache", "dir", "--local", str(made.disk / "cache")).returncode == 0
        yield made
    finally:
        monkeypatch.chdir(tmp_path)  # a disk that a process stands in cannot be taken away
        subprocess.run(["umount", str(made.disk)], check=True)


def test_an_import_says_that_it_is_not_stored_and_can_be_repeated(small: Small, root: Path) -> None:
    shutil.copytree(root / "data" / "sample" / "esconv", small.root / "corpora" / "esconv")
    words = ("eva", "data", "import", "corpora")
    for how, fault in (("size=100k", "No space left on device"), ("ro", "Read-only file system")):
        small.remount(how)
        done = small.run(*words)
        assert done.returncode == 2 and "Traceback" not in done.stderr
        assert "the files are in place, but DVC's cache" in done.stderr and fault in done.stderr
        assert "under DVC" not in done.stdout
        assert (small.root / "data" / "raw" / "esconv" / "ESConv.json").is_file()
    small.remount("rw,size=2m")
    assert small.run(*words).returncode == 0
    assert verify(small.root).problems == []


def test_a_stage_whose_out_has_no_room_is_named_and_committed_later(small: Small) -> None:
    (small.root / "dvc.yaml").write_text(STAGES)
    done = small.run("dvc", "repro")
    assert done.returncode == 0, "DVC says so itself by now: the checks of ours can go"
    assert "failed to transfer" in done.stderr
    made = (small.root / "out" / "first").read_bytes()
    (problem,) = verify(small.root).problems
    assert problem.startswith("out: in the workspace only") and "`dvc commit folder`" in problem
    small.remount("size=2m")
    assert small.run("dvc", "commit", "folder").returncode == 0
    assert verify(small.root).problems == []
    assert "didn't change" in small.run("dvc", "repro").stdout
    assert (small.root / "out" / "first").read_bytes() == made
    assert (small.root / "journal").read_text() == "once\n"


def test_a_cache_that_may_only_be_read_stops_the_stage_and_keeps_what_it_made(small: Small) -> None:
    (small.root / "dvc.yaml").write_text(STAGES)
    small.remount("ro")
    done = small.run("dvc", "repro")
    assert done.returncode != 0 and "Read-only file system" in done.stderr
    assert (small.root / "out" / "first").is_file() and not (small.root / "dvc.lock").exists()
    small.remount("rw,size=2m")
    assert small.run("dvc", "commit", "--force", "folder").returncode == 0
    assert "didn't change" in small.run("dvc", "repro").stdout
    assert (small.root / "journal").read_text() == "once\n"


def test_a_checkout_without_room_is_repeated(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    """The workspace is on the small disk now; the cache has room."""
    small.remount("size=2m")
    there = small.disk / "there"
    shutil.copytree(small.root, there)
    monkeypatch.chdir(there)
    assert small.run("dvc", "cache", "dir", "--local", str(small.root / "cache")).returncode == 0
    (there / "dvc.yaml").write_text(STAGES)
    assert small.run("dvc", "repro").returncode == 0
    made = (there / "out" / "first").read_bytes()
    shutil.rmtree(there / "out")
    free = shutil.disk_usage(there).free
    (there / "filler").write_bytes(bytes(free - 60_000))
    full = small.run("dvc", "checkout")
    assert full.returncode != 0  # DVC 3.67 asks whether the cache is up to date, and does not name the disk
    assert verify(there).problems == []
    (there / "filler").unlink()
    assert small.run("dvc", "checkout").returncode == 0
    assert (there / "out" / "first").read_bytes() == made
