"""Section `generate` of `params.yaml`."""

from typing import Annotated

from pydantic import Field

from eva.settings.precision import PrecisionField
from eva.settings.section import Positive, Section


class Generate(Section):
    """Decoding."""

    max_dialogues: Positive | None = Field(None, description="test dialogues, evenly spaced; null: all")

    max_new_tokens: Positive
    cot_max_new_tokens: Positive = Field(description="room for the reasoning before `Response:`")
    temperature: float = Field(ge=0, description="0: greedy")
    top_p: float = Field(gt=0, le=1)
    repetition_penalty: float = Field(ge=1)
    batch_size: Positive
    max_length: Annotated[int, Field(ge=64)] = Field(description="history budget in tokens")
    precision: PrecisionField = "auto"
