"""The DAG as DVC reads it from `dvc.yaml`: which stages there are, after what, and on which pool."""

from collections.abc import Iterable
from dataclasses import dataclass
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
    import networkx  # comes with DVC; both are slow to import
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo(str(root)) as repo:
            graph = repo.index.graph
            chosen = [stage for target in targets for stage in _collect(repo, target)]
            ordered = [s for s in networkx.dfs_postorder_nodes(graph) if not s.is_data_source]
    except DvcException as error:
        raise InputError(f"DVC cannot read the DAG in {root}: {error}") from error
    needed = {node for stage in chosen for node in (stage, *networkx.descendants(graph, stage))}
    stages = [stage for stage in ordered if not targets or stage in needed]
    raise_if(_without_pool(stages), "dvc.yaml")
    return tuple(_node(stage, graph) for stage in stages)


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


def _node(stage: Any, graph: Any) -> StageNode:
    upstream = (other.addressing for other in graph.successors(stage) if not other.is_data_source)
    return StageNode(stage.addressing, stage.meta["pool"], tuple(sorted(upstream)))
