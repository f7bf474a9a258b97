"""The DAG of `dvc.yaml`, as DVC reads it: the stages, their dependencies and their work pools."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from eva.errors import InputError, raise_if


@dataclass(frozen=True)
class StageNode:
    """One stage of the DAG.

    Attributes:
        name: its name for `dvc repro`, such as `generate@esconv-smollm2-1-eva`.
        pool: the Prefect work pool given by `meta` in `dvc.yaml`.
        upstream: names of the stages whose outputs it reads.
        gpus: how many GPUs of a host it uses: `gpus` in `meta`, else 1 on pool `gpu` and 0 elsewhere.
        silence: seconds without output after which it is ended: `stall_minutes` in `meta`, else no limit.
        retries: how often it is tried again if it fails: `retries` in `meta`, else 0.
    """

    name: str
    pool: str
    upstream: tuple[str, ...]
    gpus: int = 0
    silence: float | None = None
    retries: int = 0

    def is_named_by(self, targets: Iterable[str]) -> bool:
        """Whether a target is this stage or its group."""
        return bool({self.name, self.name.partition("@")[0]} & set(targets))


def read_dag(root: Path, targets: Sequence[str] = ()) -> tuple[StageNode, ...]:
    """The stages, in an order in which they can run.

    Args:
        root: the checkout.
        targets: stages (`sft@esconv-smollm2-1-eva`) or groups of them (`sft`); only these and the stages
            that they depend on are returned. None given: the whole DAG.

    Raises:
        InputError: `dvc.yaml` cannot be read, a target is unknown, or a stage names no pool.
    """
    from dvc.exceptions import DvcException  # slow to import
    from dvc.repo import Repo
    from dvc.repo.graph import get_subgraph_of_nodes

    try:
        with Repo(str(root)) as repo:
            graph = repo.index.graph
            stages = {stage_name(stage): stage for stage in graph if not stage.is_data_source}
            wanted = set(get_subgraph_of_nodes(graph, _named(targets, stages)))  # without any: the graph
    except DvcException as error:
        raise InputError(f"DVC cannot read the DAG in {root}: {error}") from error
    upstream = {name: _upstream(stage, graph) for name, stage in stages.items()}
    ordered = [name for name in TopologicalSorter(upstream).static_order() if stages[name] in wanted]
    raise_if(_meta_problems(stages, ordered), "dvc.yaml")
    return tuple(_node(name, stages[name].meta, upstream[name]) for name in ordered)


def _node(name: str, meta: Mapping[str, Any], upstream: tuple[str, ...]) -> StageNode:
    pool, minutes = meta["pool"], meta.get("stall_minutes")
    gpus = meta.get("gpus", 1 if pool == "gpu" else 0)
    silence = minutes * 60 if minutes else None
    return StageNode(name, pool, upstream, gpus, silence, meta.get("retries", 0))


def stage_name(stage: Any) -> str:
    """The name of a stage of DVC's for `dvc repro` in the root of the checkout."""
    name, file = str(stage.name), str(stage.path_in_repo)
    return name if file == "dvc.yaml" else f"{file}:{name}"


def _named(targets: Sequence[str], stages: Mapping[str, Any]) -> list[Any]:
    """The stages that the targets name, by stage or by group."""
    names = {
        target: [name for name in stages if target in (name, name.partition("@")[0])] for target in targets
    }
    unknown = [target for target, found in names.items() if not found]
    raise_if((f"no stage {target!r}; known are {', '.join(stages)}" for target in unknown), "targets")
    return [stages[name] for found in names.values() for name in found]


def _meta_problems(stages: Mapping[str, Any], names: Iterable[str]) -> Iterable[str]:
    for name in names:
        meta = stages[name].meta or {}
        if not isinstance(meta.get("pool"), str):
            yield f"stage {name} has no work pool: give it `meta: {{pool: cpu}}` (or gpu)"
        gpus, minutes = meta.get("gpus", 0), meta.get("stall_minutes", 1)
        if not isinstance(gpus, int) or gpus < 0:
            yield f"stage {name} has gpus {gpus!r}: give a number of GPUs, 0 for none"
        if not isinstance(minutes, int | float) or minutes <= 0:
            yield f"stage {name} has stall_minutes {minutes!r}: give a positive number of minutes"
        if meta.get("retries", 0) not in range(4):
            yield f"stage {name} has retries {meta['retries']!r}: give a number from 0 to 3"


def _upstream(stage: Any, graph: Any) -> tuple[str, ...]:
    """The stages that a stage depends on; the edges of DVC's graph point to dependencies."""
    return tuple(sorted(stage_name(o) for o in graph.successors(stage) if not o.is_data_source))
