"""Section `capability` of `params.yaml`."""

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from eva.settings.precision import PrecisionField
from eva.settings.section import Distinct, Name, Place, Positive, Section


class Capability(Section):
    """General benchmarks of lm-eval before and after fine-tuning (paper Appendix L.2, Table 13)."""

    before: Name = Field(description="row of `variants`: the model before fine-tuning")
    after: Name = Field(description="row of `variants`: the model that is compared with it")
    tasks: Annotated[list[str], Distinct] = Field(
        description="tasks of lm-eval or of `task_path`; empty: measure nothing"
    )
    task_path: Place = Field(
        description="folder with lm-eval task files of your own; they take precedence over lm-eval's"
    )
    limit: Positive | None = Field(None, description="use the first N documents of each task; null: all")
    batch_size: Positive = Field(description="documents per batch")
    precision: PrecisionField = "auto"

    @field_validator("after")
    @classmethod
    def _two_variants(cls, given: str, known: ValidationInfo) -> str:
        if given == known.data.get("before"):
            raise ValueError("`capability.before` is the same variant; name another one")
        return given
