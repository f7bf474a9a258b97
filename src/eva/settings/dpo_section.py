"""Section `dpo` of `params.yaml`."""

from pydantic import Field

from eva.settings.section import Fraction, Positive
from eva.settings.training_section import Training


class Dpo(Training):
    """Emotional validation alignment (paper section 4.1.2, Appendix G)."""

    beta: float = Field(gt=0)
    r: Positive
    alpha: Positive
    dropout: Fraction = Field(description="LoRA dropout; kept on (TRL would set it to 0)")
