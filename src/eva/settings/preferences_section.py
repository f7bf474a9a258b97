"""Section `preferences` of `params.yaml`."""

from typing import Literal

from pydantic import Field

from eva.settings.section import Fraction, Name, Positive, Section


class Preferences(Section):
    """Where preference pairs come from (design decision 8)."""

    recipe: Literal["evad", "public"]
    corpus: Name = Field(description="row of `corpora` whose dialogues hold the histories")
    rejected: Literal["model", "human", "mixed"] = Field(
        "mixed", description="recipe `public`: author of the rejected response"
    )
    max_pairs: Positive | None = None
    valid_share: Fraction = Field(description="share of dialogues held out for DPO accuracy")
    seed: int = Field(0, ge=0)
