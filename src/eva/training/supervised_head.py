"""On CPU, the language-model head runs only where there is a loss.

TRL's fused head scores all positions on devices without Triton, since a varying number of them
would make such a device recompile. A CPU compiles nothing, and there the head over the prompt
costs about as much as the rest of a DPO step.
"""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def supervised_head() -> Iterator[None]:
    """Within the block, TRL's fused head leaves out unsupervised positions on every device."""
    from trl.trainer import utils

    # The head asks this name only whether to leave them out; the kernels have their own.
    original = utils._use_triton
    utils._use_triton = lambda device: True
    try:
        yield
    finally:
        utils._use_triton = original
