"""Waiting threads sleep: libgomp itself says what it took from the environment."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("given", "shown"), [({}, "GOMP_SPINCOUNT = '1000'"), ({"GOMP_SPINCOUNT": "7"}, "'7'")]
)
def test_it_is_set_before_the_library_reads_it(root: Path, given: dict[str, str], shown: str) -> None:
    code = "from eva.compat.openmp import wait_asleep; wait_asleep(); import torch"
    clean = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"}
    env = {**clean, **given, "OMP_DISPLAY_ENV": "verbose", "PYTHONPATH": str(root / "src")}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    if "GOMP_SPINCOUNT" not in done.stderr:
        pytest.skip("torch does not use GNU OpenMP here")
    assert shown in next(line for line in done.stderr.splitlines() if "GOMP_SPINCOUNT" in line)
