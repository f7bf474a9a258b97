"""Section `generate` of `params.yaml`."""

from typing import Annotated

from pydantic import Field

from eva.settings.precision import PrecisionField
from eva.settings.section import Positive, Section


class Generate(Section):
    """Generation of responses to the test dialogues."""

    max_dialogues: Positive | None = Field(
        None, description="respond to N test dialogues, evenly spaced; null: all"
    )
    max_new_tokens: Positive = Field(description="longest response in tokens")
    cot_max_new_tokens: Positive = Field(
        description="prompt `cot`: most tokens of the reasoning before `Response:`"
    )
    temperature: float = Field(ge=0, description="sampling temperature; 0: greedy decoding")
    top_p: float = Field(
        gt=0, le=1, description="nucleus sampling: total probability of the tokens sampled from; 1: all"
    )
    repetition_penalty: float = Field(
        ge=1, description="divides the scores of tokens already generated; 1: no penalty"
    )
    batch_size: Positive = Field(description="responses generated at once")
    max_length: Annotated[int, Field(ge=64)] = Field(
        description="most tokens of the dialogue history in the prompt"
    )
    precision: PrecisionField = "auto"
