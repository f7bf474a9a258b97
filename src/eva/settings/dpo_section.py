"""Section `dpo` of `params.yaml`."""

from typing import Annotated, Literal

from pydantic import Field

from eva.settings.section import Positive
from eva.settings.training_section import Training

LossName = Literal["sigmoid", "ipo", "sigmoid_norm", "sft"]


class Dpo(Training):
    """Emotional validation alignment (ALI): DPO with LoRA (paper section 4.1.2, Appendix G)."""

    beta: float = Field(
        gt=0, description="DPO's beta (Equation 4); higher keeps the model closer to the reference model"
    )
    loss: dict[LossName, Annotated[float, Field(gt=0)]] = Field(
        default={"sigmoid": 1.0},
        min_length=1,
        description="loss names of TRL and their weights: sigmoid (Equation 4), ipo, sigmoid_norm (per "
        "token), sft",
    )
    trainer: Literal["tree", "trl"] = Field(
        "tree", description="tree: one forward pass for all pairs of a dialogue; trl: one for each pair"
    )
    tree_tokens: Annotated[int, Field(ge=64)] = Field(
        4096, description="tokens per forward pass of trainer `tree`; fewer need less memory"
    )
    r: Positive = Field(description="LoRA rank")
    alpha: Positive = Field(description="LoRA scale: updates are multiplied by alpha / r")
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(
        description="LoRA dropout; active in training (TRL would set it to 0)"
    )
