"""The loss of a batch of token rows, computed where there is one: no logits for other positions."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from eva.models.chat import IGNORE

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class TokenBatch:
    """Rows padded on the right to T tokens, where nothing before the padding sees it: each tensor [B, T].

    `labels` are -100 where there is no loss; `weights` say how much a label counts.
    """

    input_ids: "torch.Tensor"
    labels: "torch.Tensor"
    weights: "torch.Tensor"

    @property
    def supervised(self) -> "torch.Tensor":
        """Where a position predicts a label: bool [B, T - 1]."""
        return self.labels[:, 1:] != IGNORE

    @property
    def total_weight(self) -> "torch.Tensor":
        """How much all labels count together."""
        return self.weights[:, 1:][self.supervised].sum()

    def losses(self, model: Any) -> "torch.Tensor":
        """Negative log-likelihood in nats of every label, row by row: float32 [S]."""
        from torch.nn.functional import cross_entropy

        with head_at(model, self.supervised):
            logits = model(input_ids=self.input_ids, use_cache=False).logits[0]
        return cross_entropy(logits.float(), self.labels[:, 1:][self.supervised], reduction="none")

    def weighted_sum(self, losses: "torch.Tensor") -> "torch.Tensor":
        """Sum of `losses`, each as often as its label counts."""
        return (losses * self.weights[:, 1:][self.supervised]).sum()

    def row_sums(self, losses: "torch.Tensor") -> "torch.Tensor":
        """Sum of `losses` in each row: [B]."""
        rows = self.supervised.nonzero()[:, 0]
        return losses.new_zeros(len(self.labels)).index_add(0, rows, losses)


@contextmanager
def head_at(model: Any, places: "torch.Tensor") -> Iterator[None]:
    """Within the block the head of `model` reads only the hidden states at `places` (bool [B, T - 1]).

    The logits are [1, S, vocabulary]. Whatever the model does to its logits after the head (scaling,
    soft-capping) stays as it is.
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
