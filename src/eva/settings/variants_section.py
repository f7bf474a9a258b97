"""Section `variants` of `params.yaml`."""

from typing import Literal

from pydantic import Field

from eva.settings.section import Section


class Variant(Section):
    """One row of the comparison: which training it had and which prompt it gets."""

    acquire: bool = Field(description="empathy acquisition (ACQ): full-parameter SFT")
    align: bool = Field(description="emotional validation alignment (ALI): LoRA DPO")
    prompt: Literal["eva", "cot"] = Field(
        "eva", description="eva: Table 3 of the paper; cot: reasoning first, then the response"
    )
