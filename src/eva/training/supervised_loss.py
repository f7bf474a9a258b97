"""The loss of a batch of token rows; logits are computed only for positions with a label."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from eva.models.chat import IGNORE

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class TokenBatch:
    """Rows padded on the right to T tokens, which causal attention ignores; each tensor is [B, T].

    `labels` are -100 for tokens without loss; `weights` are the weights of the tokens' losses.
    """

    input_ids: "torch.Tensor"
    labels: "torch.Tensor"
    weights: "torch.Tensor"

    @property
    def supervised(self) -> "torch.Tensor":
        """Whether each position predicts a token with a loss: bool [B, T - 1]."""
        return self.labels[:, 1:] != IGNORE

    @property
    def total_weight(self) -> "torch.Tensor":
        """Sum of the weights of all labels."""
        return self.weights[:, 1:][self.supervised].sum()

    def losses(self, model: Any) -> "torch.Tensor":
        """Negative log-likelihood in nats of every label, row by row: float32 [S]."""
        from torch.nn.functional import cross_entropy

        with head_at(model, self.supervised):
            logits = model(input_ids=self.input_ids, use_cache=False).logits[0]
        return cross_entropy(logits.float(), self.labels[:, 1:][self.supervised], reduction="none")

    def weighted_sum(self, losses: "torch.Tensor") -> "torch.Tensor":
        """Sum of `losses` multiplied by their weights."""
        return (losses * self.weights[:, 1:][self.supervised]).sum()

    def row_sums(self, losses: "torch.Tensor") -> "torch.Tensor":
        """Sum of `losses` in each row: [B]."""
        rows = self.supervised.nonzero()[:, 0]
        return losses.new_zeros(len(self.labels)).index_add(0, rows, losses)


@contextmanager
def head_at(model: Any, places: "torch.Tensor") -> Iterator[None]:
    """Context manager: the head of `model` computes logits only at `places` (bool [B, T - 1]).

    The logits are [1, S, vocabulary]. What the model does to the logits after the head (scaling,
    soft-capping) is unchanged.
    """

    def select(_: Any, given: tuple["torch.Tensor", ...]) -> tuple["torch.Tensor", ...]:
        states, *rest = given
        return (states[:, :-1][places][None], *rest)

    bare = getattr(model, "module", model)  # what a distributed engine wraps
    hook = bare.get_output_embeddings().register_forward_pre_hook(select)
    try:
        yield
    finally:
        hook.remove()
