"""Section `evaluate` of `params.yaml`."""

from typing import Annotated

from pydantic import Field

from eva.settings.precision import PrecisionField
from eva.settings.section import Distinct, Section


class Evaluate(Section):
    """Metrics and their bootstrap confidence intervals."""

    metrics: Annotated[list[str], Distinct] = Field(
        min_length=1, description="metric families, see `eva score --help`"
    )
    bootstrap: Annotated[int, Field(ge=0)] = Field(
        description="number of bootstrap resamples of dialogues; 0: no intervals"
    )
    confidence: float = Field(gt=0, lt=1, description="confidence level of the intervals, e.g. 0.95")
    ngram: Annotated[int, Field(ge=2, le=6)] = Field(
        description="length in words of the phrases in the repetition analysis"
    )
    precision: PrecisionField = "auto"
    seed: int = Field(0, ge=0, description="seed of the bootstrap")
