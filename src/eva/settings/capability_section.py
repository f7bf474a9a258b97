"""Section `capability` of `params.yaml`."""

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from eva.settings.precision import PrecisionField
from eva.settings.section import Distinct, Name, Place, Positive, Section


class Capability(Section):
    """Standard tasks before and after fine-tuning (Appendix L.2, Table 13)."""

    before: Name = Field(description="row of `variants` that the difference is measured from")
    after: Name = Field(description="row of `variants` that it is measured to")
    tasks: Annotated[list[str], Distinct] = Field(
        description="tasks of lm-eval or of `task_path`; empty: measure nothing"
    )
    task_path: Place = Field(description="folder of lm-eval task files of your own, read before lm-eval's")
    limit: Positive | None = Field(None, description="first N documents of each task; null: all")
    batch_size: Positive = Field(description="documents at once")
    precision: PrecisionField = "auto"

    @field_validator("after")
    @classmethod
    def _two_variants(cls, given: str, known: ValidationInfo) -> str:
        if given == known.data.get("before"):
            raise ValueError("`capability.before` is the same, so nothing would differ; name another variant")
        return given
