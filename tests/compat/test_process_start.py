"""What a process that computes has in its environment, as glibc and libgomp themselves show it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

START = "from eva.compat.process_start import start_again; start_again(); "
# Page faults of 256 MB that are taken, in blocks of 16, after as much was freed.
AGAIN = """import resource, numpy
for _ in range(2):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    blocks = [numpy.ones(2**21) for _ in range(16)]
    del blocks
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def run(root: Path, code: str, **given: str) -> subprocess.CompletedProcess[str]:
    ours = ("GOMP_SPINCOUNT", "GLIBC_TUNABLES")
    clean = {name: value for name, value in os.environ.items() if name not in ours}
    env = {**clean, **given, "PYTHONPATH": str(root / "src")}
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)


@pytest.mark.parametrize(
    ("given", "shown"), [({}, "GOMP_SPINCOUNT = '1000'"), ({"GOMP_SPINCOUNT": "7"}, "'7'")]
)
def test_waiting_threads_sleep(root: Path, given: dict[str, str], shown: str) -> None:
    said = run(root, START + "import torch", OMP_DISPLAY_ENV="verbose", **given).stderr
    if "GOMP_SPINCOUNT" not in said:
        pytest.skip("torch does not use GNU OpenMP here")
    assert shown in next(line for line in said.splitlines() if "GOMP_SPINCOUNT" in line)


@pytest.mark.skipif("CS_GNU_LIBC_VERSION" not in os.confstr_names, reason="this system has no glibc")
def test_freed_memory_is_taken_again_without_the_system(root: Path) -> None:
    plain, ours = (int(run(root, start + AGAIN).stdout) for start in ("", START))
    assert ours < 100
    assert plain >= 128  # large pages of 2 MB, or 65,536 of 4 KB


def test_what_the_user_has_set_stays(root: Path) -> None:
    code = START + "import os; print(os.environ['GLIBC_TUNABLES'])"
    assert run(root, code, GLIBC_TUNABLES="glibc.malloc.arena_max=1").stdout == "glibc.malloc.arena_max=1\n"
