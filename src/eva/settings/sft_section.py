"""Section `sft` of `params.yaml`."""

from pydantic import Field

from eva.settings.section import Positive
from eva.settings.training_section import Training


class Sft(Training):
    """Empathy acquisition (ACQ): full-parameter SFT (paper section 4.1.1, Appendix G)."""

    max_train: Positive | None = Field(None, description="train on N dialogues, evenly spaced; null: all")
    max_valid: Positive | None = Field(None, description="held-out dialogues; null: all")
