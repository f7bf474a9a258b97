"""What libraries print does not cut through our log."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

_PROGRAM = """
import logging, sys
logging.basicConfig(level=logging.INFO, format="%(message)s")
from eva.compat.chatter import silence_libraries
silence_libraries()
from eva.models.loading import load_model
from eva.models.tiny import build_tiny
from pathlib import Path
build_tiny("llama", "causal", Path(sys.argv[1]))
load_model(Path(sys.argv[1])).save_pretrained(sys.argv[1] + "-copy")
logging.getLogger("a.library").info("chatter")
logging.getLogger("great_expectations.data_context").warning("chatter")
logging.getLogger("DeepSpeed").warning("chatter")
logging.getLogger("a.library").warning("a warning")
logging.getLogger("eva.here").info("ours")
"""


@pytest.mark.slow
def test_only_our_lines_and_warnings_are_printed(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(tmp_path / "model")],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == ""
    assert done.stderr.splitlines() == ["a warning", "ours"]
