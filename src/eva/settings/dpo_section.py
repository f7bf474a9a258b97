"""Section `dpo` of `params.yaml`."""

from typing import Annotated

from pydantic import Field

from eva.settings.section import Positive
from eva.settings.training_section import Training


class Dpo(Training):
    """Emotional validation alignment (paper section 4.1.2, Appendix G)."""

    beta: float = Field(gt=0, description="how strongly the model is held to its start (Equation 4)")
    r: Positive = Field(description="LoRA rank")
    alpha: Positive = Field(description="LoRA scale: updates are multiplied by alpha / r")
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(
        description="LoRA dropout; kept on (TRL would set it to 0)"
    )
