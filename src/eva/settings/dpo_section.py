"""Section `dpo` of `params.yaml`."""

from typing import Annotated, Literal

from pydantic import Field

from eva.settings.section import Positive
from eva.settings.training_section import Training

LossName = Literal["sigmoid", "ipo", "sigmoid_norm", "sft"]


class Dpo(Training):
    """Emotional validation alignment (paper section 4.1.2, Appendix G)."""

    beta: float = Field(gt=0, description="how strongly the model is held to its start (Equation 4)")
    loss: dict[LossName, Annotated[float, Field(gt=0)]] = Field(
        default={"sigmoid": 1.0},
        min_length=1,
        description="TRL's names with weights: sigmoid (Equation 4), ipo, sigmoid_norm (per token), sft",
    )
    trainer: Literal["tree", "trl"] = Field(
        "tree", description="tree: all pairs of a dialogue share one reading of it; trl: pair by pair"
    )
    tree_tokens: Annotated[int, Field(ge=64)] = Field(
        4096, description="tokens read at once by trainer `tree`; less needs less memory"
    )
    r: Positive = Field(description="LoRA rank")
    alpha: Positive = Field(description="LoRA scale: updates are multiplied by alpha / r")
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(
        description="LoRA dropout; kept on (TRL would set it to 0)"
    )
