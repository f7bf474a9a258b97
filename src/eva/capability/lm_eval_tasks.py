"""lm-eval, met in one place: which tasks there are, and running them on one model."""

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

CODE_ALLOWED = "HF_ALLOW_CODE_EVAL"  # the harness's own word for it
RESAMPLES = 1000  # for standard errors that have no formula, such as perplexity's

log = logging.getLogger(__name__)


def find_tasks(names: Sequence[str], folder: Path) -> "TaskManager":
    """lm-eval's task manager, after every task of `names` was found and its data loaded.

    `folder` holds task files of one's own; they come before lm-eval's of the same name. All that
    keeps the tasks from running is one `InputError`: lm-eval not installed, unknown names, tasks
    that run code without leave, data that is not there.
    """
    manager = known_tasks(names, folder)
    raise_if((problem for name in names if (problem := _fault(manager, name))), "capability.tasks")
    return manager


def known_tasks(names: Sequence[str], folder: Path) -> "TaskManager":
    """lm-eval's task manager, after every task of `names` was found to exist and to be allowed here."""
    if importlib.util.find_spec("lm_eval") is None:
        raise InputError(
            f"capability.tasks names {', '.join(names)}, and lm-eval, which runs them, is not installed; "
            "`pip install -e '.[capability]' -c constraints.txt` installs it, `tasks: []` does without"
        )
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    manager = _manager(names, folder)
    raise_if(_unknown(manager, names, folder), "capability.tasks")
    raise_if(_forbidden(manager, names), "capability.tasks")
    return manager


def run_tasks(policy: Policy, manager: "TaskManager", settings: Capability) -> dict[str, Any]:
    """Results of the settings' tasks on one variant, in lm-eval's own layout, every answer with them.

    Zero-shot unless a task says otherwise; plain text as lm-eval defines it, without chat template,
    so that the values compare with published ones.
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
            yield f"{name!r} is no task of lm-eval or of {folder}. Nearest: {', '.join(near)}.{hint}"


def _forbidden(manager: "TaskManager", names: Sequence[str]) -> Iterator[str]:
    """Tasks that execute what the model wrote, unless the environment allows it."""
    if _code_allowed():
        return
    for name in names:
        if any(entry.cfg.get("unsafe_code") for entry in _members(manager, name)):
            yield (
                f"{name!r} executes code that the model wrote; where you can accept that (in a container "
                f"without network and secrets), set {CODE_ALLOWED}=1 in the environment, or leave it out"
            )


def _code_allowed() -> bool:
    return os.environ.get(CODE_ALLOWED) == "1"


def _members(manager: "TaskManager", name: str) -> Iterator[Any]:
    """The task `name`, or every task below it if it is a group or a tag."""
    entry = manager.task_index.get(name)
    if entry is None:
        return  # a member that its group defines on the spot
    if entry.kind.name not in {"GROUP", "TAG"}:
        yield entry
        return
    for member in entry.tags if entry.kind.name == "TAG" else entry.cfg["task"]:
        inner = member if isinstance(member, str) else member.get("task", member.get("group"))
        yield from _members(manager, inner)


def _fault(manager: "TaskManager", name: str) -> str | None:
    """What keeps a known task from loading; a task's file and data set may fail in any way."""
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
        "set HF_HUB_OFFLINE=0 for one run to download it"
    )
