"""A batch of preference pairs as dialogue trees, with log-probabilities under policy and reference."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from eva.training.dialogue_tree import Tree, grow_trees, pack, response_log_probs
from eva.training.preference_loss import PairScores

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class PairBatch:
    """Rows of `pair_examples`, computed in groups of at most `limit` tokens.

    `branching` is False for a model that does not support trees because of sliding windows: then every
    response is computed alone after its prompt, and `limit` has no effect.
    """

    rows: Sequence[Mapping[str, Any]]
    limit: int
    branching: bool = True

    @cached_property
    def groups(self) -> list[list[Tree]]:
        """Groups of trees, each computed in one forward pass; both responses of a pair are in one group."""
        prompts = [row["prompt_ids"] for row in self.rows]
        answers = [(row["chosen_ids"], row["rejected_ids"]) for row in self.rows]
        if self.branching:
            return pack(grow_trees(prompts, answers, self.limit), self.limit)
        return [grow_trees([prompt], [both], 0) for prompt, both in zip(prompts, answers, strict=True)]

    @property
    def tokens(self) -> int:
        """Number of tokens in the forward passes."""
        return sum(tree.tokens for trees in self.groups for tree in trees)

    @property
    def mean_chosen_tokens(self) -> float:
        return sum(len(row["chosen_ids"]) for row in self.rows) / len(self.rows)

    def log_probs(self, model: Any, trees: Sequence[Tree]) -> "torch.Tensor":
        """Summed log-probabilities of a group's pairs, chosen first: [pairs, 2] as `members` orders them."""
        import torch

        if self.branching:
            return response_log_probs(model, trees).view(-1, 2)
        alone = [Tree(tree.trunk, (branch,)) for tree in trees for branch in tree.branches]
        return torch.cat([response_log_probs(model, [one]) for one in alone]).view(-1, 2)

    def members(self, trees: Sequence[Tree]) -> list[int]:
        """The row numbers of a group, in ascending order."""
        return sorted({branch.number // 2 for tree in trees for branch in tree.branches})

    def scores(self, trees: Sequence[Tree], policy: "torch.Tensor", reference: "torch.Tensor") -> PairScores:
        """The inputs of the loss for a group, from the log-probabilities [pairs, 2] of both models."""
        rows = [self.rows[i] for i in self.members(trees)]
        lengths = policy.new_tensor([[len(row["chosen_ids"]), len(row["rejected_ids"])] for row in rows])
        return PairScores(*policy.T, *reference.T, *lengths.T)


def reference_log_probs(
    model: Any, rows: Sequence[Mapping[str, Any]], size: int, limit: int, branching: bool
) -> Iterator[tuple[list[int], "torch.Tensor"]]:
    """Log-probabilities of all rows under `model`, computed `size` rows at a time.

    Yields row numbers and a float32 tensor [rows, 2], chosen first. Afterwards the model is in eval mode.
    """
    import torch

    model.eval()
    for start in range(0, len(rows), size):
        batch = PairBatch(rows[start : start + size], limit, branching)
        for trees in batch.groups:
            with torch.no_grad():
                found = batch.log_probs(model, trees).float().cpu()
            yield [start + i for i in batch.members(trees)], found


def adapter_off(model: Any) -> AbstractContextManager[Any]:
    """Context manager that turns the adapter off, so that the model is the reference."""
    switch = getattr(model, "disable_adapter", None)
    return switch() if switch else nullcontext()
