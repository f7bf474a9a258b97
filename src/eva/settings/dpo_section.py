"""Section `dpo` of `params.yaml`."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

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
    samples: Annotated[int, Field(ge=0)] = Field(
        0, description="held-out histories answered greedily while it trains, to log length and repetition"
    )
    sample_steps: Positive = Field(50, description="optimizer steps between such answers")
    sample_tokens: Positive = Field(64, description="longest such answer")
    stop_length: Annotated[float, Field(gt=1)] | None = Field(
        None, description="stop when they are this many times longer or shorter than the start model's"
    )
    stop_repetition: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None, description="stop when the share of their 4-grams that repeat has risen by this much"
    )

    @model_validator(mode="after")
    def _bounds_need_samples(self) -> Self:
        if self.samples == 0 and (self.stop_length or self.stop_repetition):
            raise ValueError("`stop_length` and `stop_repetition` judge samples; set `samples` to 4, say")
        return self
