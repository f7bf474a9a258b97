"""What the caller gives to workers on other hosts (a commit, the state of the DAG) and takes back from them.

Nobody shares a folder: code travels through the git remote, outputs through the DVC remote, and the entries
of `dvc.lock` through Prefect.
"""

import base64
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from eva.errors import InputError, raise_if
from eva.hosts import constraints
from eva.hosts.git_source import first_commit, git
from eva.hosts.run_folder import COMMIT, DVC_REMOTE, GIT_REMOTE, REMOTE_NAME
from flows.dvc_command import dvc
from flows.eva_command import run_eva
from flows.stage import StageError

LOCK = "dvc.lock"
LARGEST = 20 * 2**20  # bytes of an uncommitted file that still travels through git
AUTHOR = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "EVA pipeline"), ("EMAIL", "eva@localhost"))
}


class Handover(BaseModel):
    """What a worker on another host needs for stages, besides its own addresses."""

    commit: str = Field(description="Commit of the code and the settings, on the git remote.")
    constraints: str = Field(description="Digest of the packages that the commit pins.")
    origin: str = Field(description="First commit of the repository, by which workers know it.")
    lock: str = Field(description="State of the DAG (dvc.lock), packed.")

    @property
    def queue(self) -> str:
        """The work queue whose workers have the commit's packages, and fetch from its repository."""
        return constraints.queue_name(self.constraints, self.origin)

    @property
    def job_variables(self) -> dict[str, Any]:
        """What the worker's pull step reads."""
        return {"env": {COMMIT: self.commit}}

    def refreshed(self, root: Path) -> "Handover":
        """The same commit with the present `dvc.lock` of the caller."""
        return self.model_copy(update={"lock": pack(root)})


def prepare(root: Path, run: str, log: Any) -> Handover | None:
    """The hand-over for a pipeline run; None without a git remote: then all stages run in this checkout.

    Uncommitted changes, new files included, go along as a commit of their own, which no branch holds.

    Raises:
        InputError: a remote is missing or refuses the commit, or a stage reads a file that would not travel.
    """
    url = os.environ.get(GIT_REMOTE)
    if not url:
        return None
    if not (remote := os.environ.get(DVC_REMOTE)):
        raise InputError(f"{GIT_REMOTE} is set but {DVC_REMOTE} is not: no output could go to other hosts")
    packages = constraints.read_digest(root)
    commit = _commit_of(root, log)
    origin = first_commit(root, commit)
    added = _require_inputs(root, commit)
    git(root, "push", "--quiet", "--force", url, f"{commit}:refs/eva/runs/{run}")
    dvc(root, "remote", "add", "--quiet", "--local", "--force", REMOTE_NAME, remote)
    dvc(root, "remote", "modify", "--quiet", "--local", REMOTE_NAME, "verify", "true")
    if added:
        dvc(root, "push", "--quiet", "--remote", REMOTE_NAME, *added)
    return Handover(commit=commit, constraints=packages, origin=origin, lock=pack(root))


def _commit_of(root: Path, log: Any) -> str:
    """HEAD, or a commit on top of it with what is not committed."""
    head = git(root, "rev-parse", "--verify", "HEAD").strip()
    status = git(root, "status", "--porcelain=v1", "--no-renames", "--untracked-files=all", "-z").split("\0")
    changed = [line[3:] for line in status if line and line[3:] != LOCK]
    if not changed:
        return head
    large = [path for path in changed if (root / path).is_file() and (root / path).stat().st_size > LARGEST]
    raise_if((f"{path} is too large for git: `dvc add` it, or name it in .gitignore" for path in large), root)
    commit = _snapshot(root, head)
    log.warning("uncommitted changes travel as commit %s: %s", commit[:12], ", ".join(sorted(changed)[:20]))
    return commit


def _snapshot(root: Path, head: str) -> str:
    index = Path(git(root, "rev-parse", "--absolute-git-dir").strip()) / "eva-index"
    variables = {"GIT_INDEX_FILE": str(index), **AUTHOR}
    try:
        git(root, "read-tree", head, **variables)
        git(root, "add", "--all", **variables)
        tree = git(root, "write-tree", **variables).strip()
        return git(root, "commit-tree", tree, "-p", head, "-m", "Uncommitted changes", **variables).strip()
    finally:
        index.unlink(missing_ok=True)


def _require_inputs(root: Path, commit: str) -> list[str]:
    """The `.dvc` files, whose data has to be pushed.

    Raises:
        InputError: inputs are neither in the commit nor in DVC: no other host would have them.
    """
    from dvc.repo import Repo  # slow to import

    with Repo(str(root)) as repo:
        outs = [Path(out.fs_path) for out in repo.index.outs]
        deps = {Path(dep.fs_path) for dep in repo.index.deps if dep.protocol == "local"}
        added = [str(stage.path_in_repo) for stage in repo.index.stages if stage.is_data_source]
    sources = [dep for dep in deps if not any(overlap(out, dep) for out in outs)]
    absent = [path for path in sorted(sources) if not _travels(root, commit, path)]
    told = "is neither in git nor in DVC, so no other host has it: commit it, or `dvc add` it"
    raise_if((f"{os.path.relpath(path, root)} {told}" for path in absent), "inputs of the DAG")
    return added


def _travels(root: Path, commit: str, path: Path) -> bool:
    try:
        git(root, "cat-file", "-e", f"{commit}:{path.relative_to(root).as_posix()}")
    except (InputError, ValueError):
        return False
    return True


def replay_record(root: Path, log: Any) -> None:
    """Enter the runs that were brought here into this checkout's MLflow."""
    if (root / "runs").is_dir():
        try:
            run_eva("runs", "replay")
        except StageError as error:  # the outputs are there all the same
            log.warning("the runs are not in MLflow yet: %s", error)


def pack(root: Path) -> str:
    """The content of `dvc.lock`, short enough for a parameter of a flow run; empty if there is none."""
    path = root / LOCK
    return base64.b85encode(zlib.compress(path.read_bytes(), 9)).decode() if path.is_file() else ""


def unpack(root: Path, packed: str) -> None:
    """Write the `dvc.lock` that the caller had when it submitted the stages."""
    if packed:
        (root / LOCK).write_bytes(zlib.decompress(base64.b85decode(packed)))


def read_entry(root: Path, stage: str) -> dict[str, Any] | None:
    """The entry of a stage in `dvc.lock`."""
    from dvc.utils.serialize import load_yaml  # PyYAML takes 2e-05, as DVC writes it, for a text

    path = root / LOCK
    content = load_yaml(str(path)) if path.is_file() else {}
    entry: dict[str, Any] | None = (content.get("stages") or {}).get(stage)
    return entry


def merge_entries(root: Path, entries: Mapping[str, Mapping[str, Any]]) -> None:
    """Take entries that workers made into `dvc.lock`, under DVC's own lock, which a `dvc pull` may hold."""
    from dvc.repo import Repo  # slow to import
    from dvc.utils.serialize import modify_yaml

    with Repo(str(root), _wait_for_lock=True) as repo, repo.lock, modify_yaml(str(root / LOCK)) as content:
        content.setdefault("schema", "2.0")
        content.setdefault("stages", {}).update({name: dict(entry) for name, entry in entries.items()})


def overlap(one: Path, other: Path) -> bool:
    """Whether one path is the other, or lies in it."""
    return one == other or one in other.parents or other in one.parents
