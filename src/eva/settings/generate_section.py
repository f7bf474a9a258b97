"""Section `generate` of `params.yaml`."""

from typing import Annotated

from pydantic import Field

from eva.settings.precision import PrecisionField
from eva.settings.section import Positive, Section


class Generate(Section):
    """Decoding."""

    max_dialogues: Positive | None = Field(None, description="test dialogues, evenly spaced; null: all")
    max_new_tokens: Positive = Field(description="longest response in tokens")
    cot_max_new_tokens: Positive = Field(description="room for the reasoning before `Response:`")
    temperature: float = Field(ge=0, description="0: the most probable token always")
    top_p: float = Field(gt=0, le=1, description="sample from the most probable tokens of this total; 1: all")
    repetition_penalty: float = Field(ge=1, description="divides scores of tokens already written; 1: none")
    batch_size: Positive = Field(description="responses written at once")
    max_length: Annotated[int, Field(ge=64)] = Field(description="history budget in tokens")
    precision: PrecisionField = "auto"
