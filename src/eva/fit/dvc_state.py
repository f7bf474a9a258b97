"""Finding the items of the DAG that `dvc repro` would run now."""

import logging
from pathlib import Path

log = logging.getLogger(__name__)


def items_to_run(root: Path) -> frozenset[str] | None:
    """The names of the items that are not up to date, and of all items that depend on them.

    None if DVC cannot tell (no repository, or a DAG that it cannot read); then all items count.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    logging.getLogger("dvc").setLevel(logging.ERROR)
    try:
        with Repo(str(root)) as repo, repo.lock:
            graph = repo.index.graph
            changed = {stage for stage in graph if not stage.is_data_source and stage.changed()}
    except DvcException as error:
        log.debug("DVC cannot tell what is done: %s", error)
        return None
    waiting, found = list(changed), set(changed)
    while waiting:  # edges point from a stage to its dependencies
        for after in graph.predecessors(waiting.pop()):
            if after not in found:
                found.add(after)
                waiting.append(after)
    return frozenset(str(stage.name) for stage in found if stage.name)
