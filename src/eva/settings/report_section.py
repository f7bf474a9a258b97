"""Section `report` of `params.yaml`."""

from typing import Annotated, Literal

from pydantic import Field

from eva.settings.section import Name, Section


class Report(Section):
    """The comparison page."""

    title: str = Field(description="heading of the page")
    baseline: Name = Field(description="variant the others are compared with")
    samples: Annotated[int, Field(ge=0)] = Field(description="dialogues shown side by side")
    paper: Literal["mistral", "qwen", "llama"] = Field(
        "mistral", description="whose rows of the paper's Tables 2 and 8 stand beside ours"
    )
