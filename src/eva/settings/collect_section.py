"""Section `collect` of `params.yaml`: rows of candidates to collect; none by default."""

from typing import Literal, Self

from pydantic import Field, model_validator

from eva.settings.section import Name, Place, Positive, Section


class Collection(Section):
    """Several possible responses to supporter turns of train and valid dialogues (Appendix E, ADR 48)."""

    corpus: Name = Field(description="row of `corpora` whose dialogues are responded to")
    model: Place = Field(
        description="folder of the model that responds: of a backbone or an endpoint (models/backbone/NAME), "
        "or of the stage sft"
    )
    how: Literal["levels", "samples"] = Field(
        "levels",
        description="levels: one response by each of Table 6's prompts; samples: several by Table 3's",
    )
    samples: Positive = Field(4, le=25, description="how: samples: responses to each turn")
    train: Positive | None = Field(None, description="train dialogues, evenly spaced; null: all")
    valid: Positive | None = Field(None, description="valid dialogues, evenly spaced; null: all")
    turns: Positive | None = Field(
        None, description="supporter turns of each dialogue, evenly spaced; null: all"
    )
    human: bool = Field(False, description="what the corpus's supporter said is a candidate, too")
    max_words: Positive = Field(120, description="longer responses are left out")
    budget: float | None = Field(
        None, gt=0, description="most that all requests may cost, by the endpoint's prices; null: no limit"
    )
    seed: int = Field(0, ge=0, description="seed of sampling")

    @model_validator(mode="after")
    def _two_candidates(self) -> Self:
        if self.how == "samples" and self.samples == 1 and not self.human:
            raise ValueError("`samples: 1` gives one candidate, and ranking needs two; raise it")
        return self
