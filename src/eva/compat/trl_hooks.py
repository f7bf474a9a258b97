"""Private parts of TRL that EVA uses; tested with TRL 1.16.

`trl.trainer.utils._use_triton`, `DPOTrainer._prepare_dataset`, and the `fused_lm_head` that TRL's trainers
add to a model's forward call.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

TRIED = "1.16"


@contextmanager
def supervised_head() -> Iterator[None]:
    """A context in which TRL's fused language-model head is computed only for positions with a label.

    On devices without Triton, TRL computes all positions, because some of these devices recompile when
    the number changes. A CPU does not compile, and there the head over the prompt takes about as long as
    the rest of a DPO step.
    """
    from trl.trainer import utils

    # The head uses this function only to decide whether to skip positions; the kernels use another one.
    original = utils._use_triton
    utils._use_triton = lambda device: True
    try:
        yield
    finally:
        utils._use_triton = original


def score_tokens(model: Any, tokens: Mapping[str, Any], **more: Any) -> Any:
    """A forward pass through the fused head that TRL's trainers add to their model.

    Returns:
        Outputs with the `loss`, and per predicted position (batch, tokens - 1) its `log_probs` and the
        `label_mask`.
    """
    return model(**tokens, **more, use_cache=False, fused_lm_head=True)


class RowsAsEncoded:
    """`DPOTrainer` mixin that uses the dataset's token ids without change.

    TRL would render and tokenise the rows again, and train on the text after the end-of-turn token.
    """

    def _prepare_dataset(self, dataset: Any, *args: Any, **kwargs: Any) -> Any:
        return dataset
