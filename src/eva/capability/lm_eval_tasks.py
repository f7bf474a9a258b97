"""The only use of lm-eval: finding tasks, and running them on one model."""

import difflib
import importlib.util
import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eva.capability.patched_tasks import PATCHED_TASKS
from eva.devices import decide
from eva.errors import InputError, raise_if
from eva.models.loading import Policy, load_policy, load_tokenizer
from eva.settings.capability_section import Capability

if TYPE_CHECKING:
    from lm_eval.tasks import TaskManager

CODE_ALLOWED = "HF_ALLOW_CODE_EVAL"  # the environment variable that lm-eval uses
RESAMPLES = 1000  # for standard errors that have no formula, such as perplexity's

log = logging.getLogger(__name__)


def find_tasks(names: Sequence[str], folder: Path) -> "TaskManager":
    """lm-eval's task manager, after checking that every task of `names` exists and its data can be loaded.

    `folder` holds the user's own task files; they take precedence over lm-eval's of the same name.

    Raises:
        InputError: lm-eval is not installed, a name is unknown, a task runs generated code without
            permission, or its data cannot be loaded; all problems are listed.
    """
    manager = known_tasks(names, folder)
    raise_if((problem for name in names if (problem := _fault(manager, name))), "capability.tasks")
    return manager


def known_tasks(names: Sequence[str], folder: Path) -> "TaskManager":
    """lm-eval's task manager, after checking that every task of `names` exists and may run here."""
    if importlib.util.find_spec("lm_eval") is None:
        raise InputError(
            f"capability.tasks names {', '.join(names)}, but lm-eval, which runs them, is not installed; "
            "install it with `pip install -e '.[capability]' -c constraints.txt`, or set `tasks: []`"
        )
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    manager = _manager(names, folder)
    raise_if(_unknown(manager, names, folder), "capability.tasks")
    raise_if(_forbidden(manager, names), "capability.tasks")
    return manager


def run_tasks(policy: Policy, manager: "TaskManager", settings: Capability) -> dict[str, Any]:
    """The results of the tasks on one variant, in lm-eval's own format, with every document's output.

    Zero-shot unless a task says otherwise. Prompts are lm-eval's plain text without a chat template, so
    that values can be compared with published ones.
    """
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM

    folder, adapter = Path(policy.model), Path(policy.adapter) if policy.adapter else None
    model = load_policy(folder, adapter, decide(settings.precision, "capability.precision").dtype)
    found: dict[str, Any] = simple_evaluate(
        model=HFLM(pretrained=model, tokenizer=load_tokenizer(folder), batch_size=settings.batch_size),
        tasks=list(settings.tasks),
        task_manager=manager,
        limit=settings.limit,
        bootstrap_iters=RESAMPLES,
        confirm_run_unsafe_code=_code_allowed(),
    )
    return found


def _manager(names: Sequence[str], folder: Path) -> "TaskManager":
    from lm_eval.tasks import TaskManager

    include = [str(PATCHED_TASKS), str(folder)]
    local = TaskManager(include_path=include, include_defaults=False)
    if set(names) <= set(local.all_tasks):
        return local  # reading lm-eval's own 14,000 task files takes a while
    return TaskManager(include_path=include)


def _unknown(manager: "TaskManager", names: Sequence[str], folder: Path) -> Iterator[str]:
    read = {entry.yaml_path for entry in manager.task_index.values()}
    unread = [path.name for path in sorted(folder.rglob("*.yaml")) if path.resolve() not in read]
    hint = f" Files there that hold no task: {', '.join(unread)}." if unread else ""
    for name in names:
        if name not in manager.task_index:
            near = difflib.get_close_matches(name, manager.all_tasks, n=3, cutoff=0.0)
            yield f"{name!r} is not a task of lm-eval or in {folder}. Nearest: {', '.join(near)}.{hint}"


def _forbidden(manager: "TaskManager", names: Sequence[str]) -> Iterator[str]:
    """A message for each task that runs code written by the model, unless the environment allows it."""
    if _code_allowed():
        return
    for name in names:
        if any(entry.cfg.get("unsafe_code") for entry in _members(manager, name)):
            yield (
                f"{name!r} runs code that the model wrote; if you accept that (in a container without "
                f"network and secrets), set {CODE_ALLOWED}=1 in the environment; else remove the task"
            )


def _code_allowed() -> bool:
    return os.environ.get(CODE_ALLOWED) == "1"


def _members(manager: "TaskManager", name: str) -> Iterator[Any]:
    """The task `name`, or every task below it if it is a group or a tag."""
    entry = manager.task_index.get(name)
    if entry is None:
        return  # a member that is defined inside its group
    if entry.kind.name not in {"GROUP", "TAG"}:
        yield entry
        return
    for member in entry.tags if entry.kind.name == "TAG" else entry.cfg["task"]:
        inner = member if isinstance(member, str) else member.get("task", member.get("group"))
        yield from _members(manager, inner)


def _fault(manager: "TaskManager", name: str) -> str | None:
    """Why a known task cannot be loaded, or None; its file and data set may raise any error."""
    try:
        manager.load([name])
    except Exception as error:
        log.debug("task %s", name, exc_info=True)
        return f"{name!r} cannot be loaded ({type(error).__name__}: {error}){_offline_hint()}"
    return None


def _offline_hint() -> str:
    from huggingface_hub.constants import HF_HUB_OFFLINE

    if not HF_HUB_OFFLINE:
        return ""
    return (
        "; HF_HUB_OFFLINE is set, so only data on this disk is found: "
        "run once with HF_HUB_OFFLINE=0 to download it"
    )
