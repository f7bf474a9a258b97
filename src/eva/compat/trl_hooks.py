"""TRL's private parts; tried with TRL 1.16.

`trl.trainer.utils._use_triton`, `DPOTrainer._prepare_dataset`, and the `fused_lm_head` that TRL's trainers
add to a model's forward call.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

TRIED = "1.16"


@contextmanager
def supervised_head() -> Iterator[None]:
    """Within the block, TRL's fused language-model head runs only where there is a loss, on every device.

    TRL scores all positions on devices without Triton, since a varying number of them would make some
    recompile. A CPU compiles nothing, and there the head over the prompt costs about as much as the rest of
    a DPO step.
    """
    from trl.trainer import utils

    # The head asks this name only whether to leave positions out; the kernels have their own.
    original = utils._use_triton
    utils._use_triton = lambda device: True
    try:
        yield
    finally:
        utils._use_triton = original


def score_tokens(model: Any, tokens: Mapping[str, Any], **more: Any) -> Any:
    """A forward pass through the fused head that TRL's trainers put on their model.

    Returns:
        Outputs with the `loss`, and per predicted position (batch, tokens - 1) its `log_probs` and the
        `label_mask`.
    """
    return model(**tokens, **more, use_cache=False, fused_lm_head=True)


class RowsAsEncoded:
    """`DPOTrainer` mixin: rows reach the model as they were encoded.

    TRL would render and tokenise them again, and train the text after the end-of-turn token.
    """

    def _prepare_dataset(self, dataset: Any, *args: Any, **kwargs: Any) -> Any:
        return dataset
