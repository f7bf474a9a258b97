"""Copies of the checkout in which experiments run: each with its own settings, all with one DVC cache."""

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from eva.errors import InputError
from eva.hosts.git_source import git
from eva.settings.params_file import read_settings
from flows.dvc_command import dvc

FOLDER = Path(".dvc/tmp/exps")  # the record and the checkpoints of a copy in there are those of the checkout
PARAMS = "params.yaml"


def create(root: Path, name: str, changed: Mapping[str, Any]) -> Path:
    """Copy the checkout, with what is not committed, and change settings in the copy.

    Raises:
        InputError: `root` is no git repository with a commit, or the changed settings are refused.
    """
    folder = root / FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    _require_commit(root)
    git(root, "clone", "--quiet", "--shared", ".", str(folder))
    _carry_uncommitted(root, folder)
    _share_cache(root, folder)
    _change(folder / PARAMS, changed)
    try:
        read_settings(folder / PARAMS)
    except InputError as error:
        shutil.rmtree(folder)
        raise InputError(f"experiment {name}: {error}", error.problems) from None
    return folder


def save(root: Path, folder: Path, name: str, stages: Iterable[str] = ()) -> None:
    """Save what a copy has made as an experiment of DVC in the checkout, then delete the copy.

    `stages` are those that have run there, if not all have: outputs of others are not expected.
    """
    dvc(folder, "exp", "save", "--force", "--name", name, *stages)
    commit = git(folder, "rev-parse", "HEAD").strip()
    reference = f"refs/exps/{commit[:2]}/{commit[2:]}/{name}"
    git(root, "fetch", "--quiet", "--force", str(folder), f"{reference}:{reference}")
    shutil.rmtree(folder)


def _require_commit(root: Path) -> None:
    try:
        git(root, "rev-parse", "--verify", "HEAD")
    except InputError as error:
        raise InputError(f"experiments need a git commit to start from: {error}") from None


def _carry_uncommitted(root: Path, folder: Path) -> None:
    words = ("ls-files", "--modified", "--deleted", "--others", "--exclude-standard", "-z")
    staged = git(root, "diff", "--cached", "--name-only", "-z")
    for name in set(filter(None, (git(root, *words) + staged).split("\0"))):
        source, target = root / name, folder / name
        if source.is_file() or source.is_symlink():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
        else:
            target.unlink(missing_ok=True)


def _share_cache(root: Path, folder: Path) -> None:
    """The checkout's remotes and its cache, so that no stage runs twice and nothing is copied."""
    from dvc.config import Config  # slow to import
    from dvc.repo import Repo

    with Repo(str(root)) as repo:
        cache = repo.cache.local_cache_dir
        local = repo.config.read("local")
    (folder / ".dvc").mkdir(exist_ok=True)
    config = Config(str(folder / ".dvc"), validate=False)
    with config.edit("local") as edited:
        edited.update(local)
        edited.setdefault("cache", {})["dir"] = os.path.abspath(cache)  # noqa: PTH100 - it may be a link


def _change(path: Path, changed: Mapping[str, Any]) -> None:
    """Write settings into a params file, whose comments stay."""
    yaml = YAML()
    content = yaml.load(path.read_text("utf-8"))
    for name, value in changed.items():
        section, key = name.split(".", 1)
        content[section][key] = value
    with path.open("w", encoding="utf-8") as file:
        yaml.dump(content, file)
