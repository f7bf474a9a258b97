"""Section `sft` of `params.yaml`."""

from typing import Literal

from pydantic import Field

from eva.settings.section import Positive
from eva.settings.training_section import Training

LossWeighting = Literal["uniform", "prefix", "prefix_mean"]


class Sft(Training):
    """Empathy acquisition (ACQ): full-parameter SFT (paper section 4.1.1, Appendix G)."""

    max_train: Positive | None = Field(None, description="train on N dialogues, evenly spaced; null: all")
    max_valid: Positive | None = Field(None, description="held-out dialogues; null: all")
    loss_weighting: LossWeighting = Field(
        "uniform",
        description="uniform: every supporter token once; prefix: turn j of m counts m-j+1 times, as in the "
        "authors' rows of growing prefixes; prefix_mean: the same with a mean per row",
    )
