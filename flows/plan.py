"""Choosing the next batch for a pool: all stages that can run there without waiting for another pool."""

from collections.abc import Iterable, Set
from dataclasses import dataclass, field

from flows.dag import StageNode


@dataclass
class Progress:
    """The progress of a run of the DAG; every stage is handed out once."""

    nodes: tuple[StageNode, ...]
    done: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    handed_out: set[str] = field(default_factory=set)

    def next_batch(self, pool: str) -> tuple[str, ...]:
        """Hand out the stages of `pool` whose dependencies are done or earlier in the same batch.

        Submitting a batch takes seconds, so consecutive stages of one pool are submitted together.
        """
        batch = _reachable(self.nodes, pool, self.done, self.handed_out)
        self.handed_out.update(batch)
        return batch

    def next_stages(self) -> list[StageNode]:
        """Hand out all stages whose dependencies are done, for hosts that work on one stage each."""
        names = {node.name for node in self.nodes}
        ready = [
            node for node in self.nodes
            if node.name not in self.handed_out and not (set(node.upstream) & names) - self.done
        ]  # fmt: skip
        self.handed_out.update(node.name for node in ready)
        return ready

    def finish(self, batch: Iterable[str], completed: Set[str]) -> None:
        """Record how a batch ended; stages that are not in `completed` have failed."""
        self.done.update(completed & set(batch))
        self.failed.update(set(batch) - completed)

    @property
    def pools(self) -> tuple[str, ...]:
        return tuple(sorted({node.pool for node in self.nodes}))


def _reachable(
    nodes: tuple[StageNode, ...], pool: str, done: Set[str], handed_out: Set[str]
) -> tuple[str, ...]:
    here: set[str] = set()
    names = {node.name for node in nodes}
    for node in nodes:
        missing = (set(node.upstream) & names) - done - here
        if node.pool == pool and node.name not in handed_out and not missing:
            here.add(node.name)
    return tuple(node.name for node in nodes if node.name in here)
