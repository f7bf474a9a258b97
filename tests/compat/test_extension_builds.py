"""What a killed build leaves keeps nobody waiting, and a build that goes on keeps its lock."""

import subprocess
import sys
from pathlib import Path

import pytest

from eva.compat.extension_builds import builds_without_leftovers

TRAINING = """
import sys
from pathlib import Path
from eva.compat.extension_builds import builds_without_leftovers

with builds_without_leftovers(Path(sys.argv[1])):
    print("begun", flush=True)
    input()
"""


def test_a_lock_goes_when_nobody_builds_any_more(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lock = tmp_path / "builds" / "py311_cpu" / "deepspeed_shm_comm" / "lock"
    folder = tmp_path / "builds"
    with builds_without_leftovers(folder):
        lock.parent.mkdir(parents=True)
        lock.touch()
    other = subprocess.Popen(
        [sys.executable, "-c", TRAINING, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None and other.stdout.readline() == "begun\n"
    assert not lock.exists()
    lock.touch()  # the other training builds
    with builds_without_leftovers(folder):
        assert lock.exists()
    other.kill()
    other.communicate()
    with builds_without_leftovers(folder):
        assert not lock.exists()
    assert caplog.text.count(f"{lock} was left by a process that is gone") == 1
