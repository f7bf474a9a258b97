"""Section `preferences` of `params.yaml`."""

from typing import Annotated, Literal

from pydantic import Field

from eva.settings.section import Name, Positive, Section


class Preferences(Section):
    """Where the preference pairs for DPO come from (ADR 12)."""

    recipe: Literal["evad", "public"] = Field(
        description="evad: the file `data.evad`; public: pairs built from the corpus's strategies"
    )
    corpus: Name = Field(description="row of `corpora` whose dialogues hold the histories")
    rejected: Literal["model", "human", "mixed"] = Field(
        "mixed", description="recipe `public`: author of the rejected response"
    )
    max_pairs: Positive | None = Field(None, description="pairs, training and held-out; null: all")
    valid_share: Annotated[float, Field(gt=0, lt=1)] = Field(
        description="share of dialogues held out to measure the accuracy of DPO"
    )
    seed: int = Field(0, ge=0, description="of the choice of pairs and of the held-out dialogues")
