"""What git knows of the code that runs, and where the main checkout is."""

import logging
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from eva.artifacts import digest_file, fingerprint

log = logging.getLogger(__name__)

# What decides a result besides data: the same in two pipeline runs, the two are one.
_SOURCES = ("src", "pipelines", "infra", "params.yaml", "dvc.yaml")


@dataclass(frozen=True)
class Code:
    """The code and parameters of a run: `commit` is None outside git or before the first commit."""

    commit: str | None
    dirty: bool
    digest: str


def main_checkout(root: Path) -> Path:
    """The checkout that owns `root`: the same for a queued experiment's copy under `.dvc/tmp/exps`."""
    root = root.resolve()
    for folder in root.parents:
        if folder.parts[-3:] == (".dvc", "tmp", "exps"):
            return folder.parents[2]
    return root


def checkpoint_store(root: Path) -> Path:
    """Where resumable checkpoints live: EVA_CHECKPOINTS, or `.eva/checkpoints` of the main checkout.

    Outside the outs, because DVC clears those before a stage runs; shared with queued experiments.
    """
    given = os.environ.get("EVA_CHECKPOINTS")
    return Path(given) if given else main_checkout(root) / ".eva" / "checkpoints"


def answer_store(root: Path) -> Path:
    """Where paid answers of endpoints are kept: EVA_ANSWERS, or `.eva/answers` of the main checkout.

    Apart from checkpoints, which `make clean` removes.
    """
    given = os.environ.get("EVA_ANSWERS")
    return Path(given) if given else main_checkout(root) / ".eva" / "answers"


def describe_code(root: Path) -> Code:
    """Commit, whether files differ from it, and one digest of commit, code and parameters."""
    commit = _git(root, "rev-parse", "--verify", "-q", "HEAD").strip() or None
    listing = _git(root, "ls-files", "-co", "--exclude-standard", "-z", "--", *_SOURCES)
    names = sorted({name for name in listing.split("\0") if name and (root / name).is_file()})
    contents = [(name, digest_file(root / name)) for name in names]
    dirty = commit is None or bool(_git(root, "status", "--porcelain", "--", *_SOURCES).strip())
    return Code(commit, dirty, fingerprint([commit, contents]))


def _git(root: Path, *words: str) -> str:
    try:
        done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout if done.returncode == 0 else ""
