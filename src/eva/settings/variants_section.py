"""Section `variants` of `params.yaml`."""

from typing import Literal

from pydantic import Field

from eva.settings.section import Section


class Variant(Section):
    """One of the compared models: which training it gets, and which prompt it is given."""

    acquire: bool = Field(description="empathy acquisition (ACQ): full-parameter SFT")
    align: bool = Field(description="emotional validation alignment (ALI): LoRA DPO")
    prompt: Literal["eva", "cot"] = Field(
        "eva", description="eva: the prompt of the paper's Table 3; cot: reasoning first, then the response"
    )
