"""The DAG as DVC reads it from `dvc.yaml`: which stages there are, after what, and on which pool."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from eva.errors import InputError, raise_if


@dataclass(frozen=True)
class StageNode:
    """One stage of the DAG.

    Attributes:
        name: as `dvc repro` takes it, such as `generate@esconv-smollm2-1-eva`.
        pool: the Prefect work pool that `meta` in `dvc.yaml` names.
        upstream: names of the stages whose outs it reads.
    """

    name: str
    pool: str
    upstream: tuple[str, ...]


def read_dag(root: Path, targets: Iterable[str] = ()) -> tuple[StageNode, ...]:
    """Stages in an order in which they can run.

    Args:
        root: the checkout.
        targets: stages (`sft@esconv-smollm2-1-eva`) or groups of them (`sft`) to restrict to, with
            all that they need; none means the whole DAG.

    Raises:
        InputError: `dvc.yaml` cannot be read, a target is unknown, or a stage names no pool.
    """
    from dvc.exceptions import DvcException  # slow to import
    from dvc.repo import Repo

    targets = tuple(targets)
    try:
        with Repo(str(root)) as repo:
            graph = repo.index.graph
            stages = {stage.addressing: stage for stage in graph if not stage.is_data_source}
            chosen = [stage.addressing for target in targets for stage in _collect(repo, target)]
    except DvcException as error:
        raise InputError(f"DVC cannot read the DAG in {root}: {error}") from error
    upstream = {name: _upstream(stage, graph) for name, stage in stages.items()}
    wanted = _closure(chosen, upstream) if targets else set(stages)
    ordered = [name for name in TopologicalSorter(upstream).static_order() if name in wanted]
    raise_if(_without_pool(stages[name] for name in ordered), "dvc.yaml")
    return tuple(StageNode(name, stages[name].meta["pool"], upstream[name]) for name in ordered)


def _collect(repo: Any, target: str) -> list[Any]:
    from dvc.exceptions import DvcException

    try:
        found: list[Any] = list(repo.stage.collect(target))
    except DvcException as error:
        known = sorted({stage.addressing for stage in repo.index.stages if not stage.is_data_source})
        raise InputError(f"target {target!r}: {error}. Known: {', '.join(known)}") from error
    return found


def _without_pool(stages: Iterable[Any]) -> Iterable[str]:
    for stage in stages:
        if not isinstance((stage.meta or {}).get("pool"), str):
            yield f"stage {stage.addressing} names no work pool: give it `meta: {{pool: cpu}}` (or gpu)"


def _upstream(stage: Any, graph: Any) -> tuple[str, ...]:
    """Its neighbours in DVC's graph, whose edges point from a stage to what it needs."""
    return tuple(sorted(o.addressing for o in graph.successors(stage) if not o.is_data_source))


def _closure(chosen: Iterable[str], upstream: Mapping[str, tuple[str, ...]]) -> set[str]:
    found: set[str] = set()
    waiting = list(chosen)
    while waiting:
        name = waiting.pop()
        if name in upstream and name not in found:
            found.add(name)
            waiting.extend(upstream[name])
    return found
