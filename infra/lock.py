"""Write requirements.lock and constraints.txt from pyproject.toml; `make lock` runs it.

What constraints.txt pins stays, and only what it lacks is chosen anew: to upgrade a package, take its
line out of constraints.txt first. The lock holds for every Python and platform that pyproject.toml names.

torch and the GPU libraries below it are pinned by version only. Which build of torch fits (CPU, or one
CUDA release) depends on the machine, builds differ in their bytes, and a lock with hashes would refuse
all builds but one.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK, CONSTRAINTS = ROOT / "requirements.lock", ROOT / "constraints.txt"
BY_MACHINE = re.compile(r"(torch|triton|nvidia-.*|cuda-.*)==")
LOCK_HEAD = """\
# Every package of the environment with the digests of its files, but for torch (see infra/lock.py).
# Written by `make lock`.
"""
CONSTRAINTS_HEAD = """\
# Every package of the environment, exactly: `pip install -c constraints.txt ...`. Written by `make lock`.
# torch is named without its build tag, so that a CPU build and a CUDA build both fit.
"""


def resolved() -> list[str]:
    """One entry a package, `name==version ; marker` with its hashes on further lines."""
    command = [
        sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11",
        "--generate-hashes", "--no-annotate", "--no-header", "--extra", "dev",
        "--constraints", str(CONSTRAINTS), str(ROOT / "pyproject.toml"),
    ]  # fmt: skip
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return re.split(r"\n(?=\w)", done.stdout.strip())


def main() -> None:
    """Write both files."""
    entries = resolved()
    hashed = [entry for entry in entries if not BY_MACHINE.match(entry)]
    LOCK.write_text(LOCK_HEAD + "\n".join(hashed) + "\n")
    versions = [entry.split(" \\\n")[0] for entry in entries]
    CONSTRAINTS.write_text(CONSTRAINTS_HEAD + "\n".join(versions) + "\n")


if __name__ == "__main__":
    main()
