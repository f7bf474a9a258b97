"""What the sections `sft` and `dpo` share."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from eva.settings.precision import PrecisionField
from eva.settings.section import Fraction, Positive, Section


class Training(Section):
    """Knobs both trainings share."""

    epochs: float = Field(gt=0)
    lr: float = Field(gt=0, lt=1)
    batch_size: Positive = Field(description="sequences per device and step")
    accumulation: Positive = Field(description="steps per update")
    max_length: Annotated[int, Field(ge=64)] = Field(description="context in tokens")
    warmup: Fraction
    precision: PrecisionField = "auto"
    gradient_checkpointing: bool
    save_steps: Positive = Field(description="optimizer steps between resumable checkpoints")
    launcher: Literal["single", "torchrun"] = "single"
    processes: Positive = Field(1, description="processes of the launcher, one a device")
    deepspeed: Path | None = Field(None, description="DeepSpeed JSON, e.g. infra/deepspeed/zero3.json")
