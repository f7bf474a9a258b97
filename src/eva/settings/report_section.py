"""Section `report` of `params.yaml`."""

from typing import Annotated, Literal

from pydantic import Field

from eva.settings.section import Name, Section


class Report(Section):
    """The HTML report that compares the variants."""

    title: str = Field(description="heading of the report")
    baseline: Name = Field(description="row of `variants` with which the others are compared")
    samples: Annotated[int, Field(ge=0)] = Field(
        description="dialogues whose responses by all variants are shown side by side"
    )
    paper: Literal["mistral", "qwen", "llama"] = Field(
        "mistral", description="the paper's backbone whose rows of Tables 2 and 8 are shown for comparison"
    )
