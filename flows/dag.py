"""The DAG of `dvc.yaml`, as DVC reads it: the stages, their dependencies and their work pools."""

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


def read_dag(root: Path, targets: Iterable[str] = ()) -> tuple[StageNode, ...]:
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

    try:
        with Repo(str(root)) as repo:
            graph = repo.index.graph
            stages = {stage_name(stage): stage for stage in graph if not stage.is_data_source}
    except DvcException as error:
        raise InputError(f"DVC cannot read the DAG in {root}: {error}") from error
    upstream = {name: _upstream(stage, graph) for name, stage in stages.items()}
    wanted = _closure(_select(targets, stages), upstream)
    ordered = [name for name in TopologicalSorter(upstream).static_order() if name in wanted]
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


def _select(targets: Iterable[str], names: Iterable[str]) -> set[str]:
    """The stages that the targets name, by stage or by group; all of them without targets."""
    known = list(names)
    meant = {target: {n for n in known if target in (n, n.partition("@")[0])} for target in targets}
    unknown = [target for target, found in meant.items() if not found]
    raise_if((f"no stage {target!r}; known are {', '.join(known)}" for target in unknown), "targets")
    return set().union(*meant.values()) if meant else set(known)


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


def _closure(chosen: Iterable[str], upstream: Mapping[str, tuple[str, ...]]) -> set[str]:
    found: set[str] = set()
    waiting = list(chosen)
    while waiting:
        name = waiting.pop()
        if name in upstream and name not in found:
            found.add(name)
            waiting.extend(upstream[name])
    return found
