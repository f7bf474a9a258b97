"""Section `preferences` of `params.yaml`."""

from typing import Annotated, Literal

from pydantic import Field

from eva.settings.section import Fraction, Name, Positive, Section


class Preferences(Section):
    """Where the preference pairs for DPO come from (ADR 12)."""

    recipe: Literal["evad", "sampled", "public"] = Field(
        description="evad: the file `data.evad`, ranked by people; sampled: the same, ranked by a machine; "
        "public: pairs built from the corpus's strategies"
    )
    corpus: Name = Field(description="row of `corpora` whose dialogues hold the histories")
    rejected: Literal["same_turn", "model", "human", "mixed"] = Field(
        "same_turn",
        description="recipe `public`: another utterance of the same turn, the untouched model's response, "
        "a human turn of another dialogue, or the last two in turn",
    )
    max_pairs: Positive | None = Field(
        None, description="most pairs, training and held-out together; null: all"
    )
    valid_share: Annotated[float, Field(gt=0, lt=1)] = Field(
        description="share of dialogues held out to measure the accuracy of DPO"
    )
    seed: int = Field(0, ge=0, description="seed for choosing pairs and held-out dialogues")
    encoder: Name = Field(
        description="row of `backbones` with role encoder, which measures the pairs' topics"
    )
    min_level_contrast: Fraction = Field(
        0.95, description="gate: least share of pairs whose two levels differ, of those that have both"
    )
    max_length_ratio: Annotated[float, Field(ge=1)] = Field(
        1.5, description="gate: words of all chosen responses over those of all rejected, or the reverse"
    )
    max_closer: Annotated[float, Field(ge=0.5, le=1)] = Field(
        0.65,
        description="gate: share of pairs of which the same side is closer to the history's topic; fails "
        "where the share's 95 % interval is beyond it",
    )
    min_same_author: Fraction = Field(0.95, description="gate: least share of pairs of one author")

    @property
    def from_file(self) -> bool:
        """Whether the pairs are those of the file `data.evad`."""
        return self.recipe != "public"
