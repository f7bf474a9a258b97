"""Section `evaluate` of `params.yaml`."""

from typing import Annotated

from pydantic import Field

from eva.settings.precision import PrecisionField
from eva.settings.section import Distinct, Section


class Evaluate(Section):
    """Metrics and their uncertainty."""

    metrics: Annotated[list[str], Distinct] = Field(
        min_length=1, description="metric families, see `eva score --help`"
    )
    bootstrap: Annotated[int, Field(ge=0)] = Field(description="resamples of dialogues; 0: none")
    confidence: float = Field(gt=0, lt=1, description="of the intervals")
    ngram: Annotated[int, Field(ge=2, le=6)] = Field(description="phrase length of the repetition analysis")
    precision: PrecisionField = "auto"
    seed: int = Field(0, ge=0, description="of the resamples")
