"""Section `capability` of `params.yaml`."""

from pathlib import Path

from pydantic import Field, model_validator

from eva.settings.precision import PrecisionField
from eva.settings.section import Name, Positive, Section


class Capability(Section):
    """Standard tasks before and after fine-tuning (Appendix L.2, Table 13)."""

    before: Name = Field(description="row of `variants` that the difference is measured from")
    after: Name = Field(description="row of `variants` that it is measured to")
    tasks: list[str] = Field(description="tasks of lm-eval or of `task_path`; empty: measure nothing")
    task_path: Path = Field(description="folder of lm-eval task files of your own, read before lm-eval's")
    limit: Positive | None = Field(None, description="first N documents of each task; null: all")
    batch_size: Positive
    precision: PrecisionField = "auto"

    @model_validator(mode="after")
    def _two_variants(self) -> "Capability":
        if self.before == self.after:
            raise ValueError(f"before and after are both {self.before!r}, so nothing would differ")
        return self
