"""DPO on dialogue trees: every history of a batch is computed once (Equation 4 of the paper)."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from transformers import Trainer

from eva.models.branching import supports_branches
from eva.settings.dpo_section import LossName
from eva.training.dialogue_order import DialogueOrder
from eva.training.dialogue_tree import Tree
from eva.training.loop import Repeatable
from eva.training.pair_batch import PairBatch, adapter_off
from eva.training.preference_loss import PairScores, pair_losses

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Objective:
    """The objective: losses (TRL's names) with their weights, beta, and most tokens per forward pass."""

    losses: Mapping[LossName, float]
    beta: float
    tree_tokens: int


class TreeTrainer(Repeatable, Trainer):  # type: ignore[misc]
    """Trains an adapter on rows of `pair_examples`; each batch becomes a few trees.

    A row's `reference` has its two log-probabilities under the reference; for rows without it they are
    computed in the same step, by the model with its adapter off. The loss of a batch is the mean over its
    pairs, so the gradients equal those without trees.
    """

    def __init__(self, *, objective: Objective, **arguments: Any) -> None:
        super().__init__(data_collator=_as_they_are, **arguments)
        self.objective = objective
        self.model_accepts_loss_kwargs = False  # the loss is a mean over pairs: the trainer scales it
        self._branching = supports_branches(self.accelerator.unwrap_model(self.model))
        self._seen: dict[str, list[float]] = defaultdict(list)

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> "torch.Tensor":
        """Mean loss over the batch's pairs, in one autograd graph."""
        batch = self._batch(inputs)
        parts = [self._part(model, batch, trees) for trees in batch.groups]
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        return total

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> "torch.Tensor":
        """Forward and backward pass per group, so that memory holds the activations of one group only.

        DeepSpeed's engine allows one backward pass per step, so there the batch is one graph.
        """
        if self.is_deepspeed_enabled:
            step: torch.Tensor = super().training_step(model, inputs, num_items_in_batch)
            return step
        model.train()
        batch = self._batch(inputs)
        parts = []
        for number, trees in enumerate(batch.groups, start=1):
            last = number == len(batch.groups)
            with nullcontext() if last else self.accelerator.no_sync(model):
                with self.compute_loss_context_manager():
                    part = self._part(model, batch, trees) / self.current_gradient_accumulation_steps
                self.accelerator.backward(part)
            parts.append(part.detach())
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        self.require_number("loss", float(total))
        return total  # type: ignore[no-any-return]

    def prediction_step(
        self, model: Any, inputs: Any, prediction_loss_only: bool, ignore_keys: list[str] | None = None
    ) -> tuple["torch.Tensor", "torch.Tensor", "torch.Tensor"]:
        """Loss of the batch (Equation 4) and the reward margin of each of its pairs."""
        import torch
        from torch.nn.functional import logsigmoid

        batch = self._batch(inputs)
        margins = torch.zeros(len(batch.rows), device=self.args.device)
        with torch.no_grad(), self.compute_loss_context_manager():
            for trees in batch.groups:
                chosen, rejected = self._scores(model, batch, trees).rewards(self.objective.beta)
                margins[batch.members(trees)] = (chosen - rejected).float()
        return -logsigmoid(margins).mean(), margins, torch.zeros_like(margins)

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add the means of the measures since the last log line."""
        if "loss" in logs:
            logs |= {name: sum(values) / len(values) for name, values in self._seen.items()}
            self._seen.clear()
        super().log(logs, start_time)

    def _batch(self, inputs: Any) -> PairBatch:
        return PairBatch(inputs["pairs"], self.objective.tree_tokens, self._branching)

    def _part(self, model: Any, batch: PairBatch, trees: Sequence[Tree]) -> "torch.Tensor":
        """The contribution of a group's pairs to the mean loss of the batch."""
        scores = self._scores(model, batch, trees)
        self._note(scores)
        names, weights = zip(*self.objective.losses.items(), strict=True)
        losses = pair_losses(scores, names, weights, self.objective.beta, batch.mean_chosen_tokens)
        return losses.sum() / len(batch.rows)

    def _scores(self, model: Any, batch: PairBatch, trees: Sequence[Tree]) -> PairScores:
        import torch

        policy = batch.log_probs(model, trees)
        rows = [batch.rows[i] for i in batch.members(trees)]
        if all("reference" in row for row in rows):
            return batch.scores(trees, policy, policy.new_tensor([row["reference"] for row in rows]))
        with torch.no_grad(), adapter_off(self.accelerator.unwrap_model(model)):
            reference = batch.log_probs(model, trees)
        return batch.scores(trees, policy, reference)

    def _note(self, scores: PairScores) -> None:
        chosen, rejected = (reward.detach() for reward in scores.rewards(self.objective.beta))
        self._seen["rewards/accuracies"] += (chosen > rejected).float().tolist()
        self._seen["rewards/margins"] += (chosen - rejected).tolist()
        self._seen["logps/chosen"] += scores.chosen.detach().tolist()
        self._seen["logps/rejected"] += scores.rejected.detach().tolist()

    def order(self, rows: Any) -> DialogueOrder:
        """The sampler: pairs of a dialogue are consecutive; the order depends only on seed and epoch."""
        return DialogueOrder(rows["dialogue"], self.args.seed, lambda: int(self.state.epoch or 0))


def _as_they_are(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Collator that leaves the rows unchanged; trees are built from them later."""
    return {"pairs": rows}
