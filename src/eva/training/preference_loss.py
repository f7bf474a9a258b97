"""Losses on preference pairs, for all trainers.

Names and definitions are those of TRL (`DPOConfig.loss_type`), so that a setting means the same in both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from eva.settings.dpo_section import LossName

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class PairScores:
    """Summed log-probabilities of n pairs under policy and reference, and token counts: float [n] each."""

    chosen: "torch.Tensor"
    rejected: "torch.Tensor"
    reference_chosen: "torch.Tensor"
    reference_rejected: "torch.Tensor"
    chosen_tokens: "torch.Tensor"
    rejected_tokens: "torch.Tensor"

    def rewards(self, beta: float) -> tuple["torch.Tensor", "torch.Tensor"]:
        """Implicit rewards of the chosen and of the rejected responses (Equation 3): [n] each."""
        return beta * (self.chosen - self.reference_chosen), beta * (self.rejected - self.reference_rejected)


def pair_losses(
    scores: PairScores, names: Sequence[LossName], weights: Sequence[float], beta: float, mean_tokens: float
) -> "torch.Tensor":
    """Loss of each pair, [n]; its mean over a batch is the batch's loss.

    `sigmoid` is Equation 4; `ipo` (Azar et al. 2023, Equation 17) and `sigmoid_norm` take log-ratios per
    token; `sft` is the negative log-likelihood of the chosen response per token of the batch, for which
    `mean_tokens` is the mean length of the batch's chosen responses.
    """
    from torch.nn.functional import logsigmoid

    chosen, rejected = (reward / beta for reward in scores.rewards(beta))
    per_token = chosen / scores.chosen_tokens - rejected / scores.rejected_tokens
    forms = {
        "sigmoid": lambda: -logsigmoid(beta * (chosen - rejected)),
        "ipo": lambda: (per_token - 1 / (2 * beta)) ** 2,
        "sigmoid_norm": lambda: -logsigmoid(beta * per_token),
        "sft": lambda: -scores.chosen / mean_tokens,
    }
    total = scores.chosen.new_zeros(len(scores.chosen))
    for name, weight in zip(names, weights, strict=True):
        total = total + weight * forms[name]()
    return total
