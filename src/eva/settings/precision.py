"""The type of the setting `precision`: the number format that a stage computes in."""

from typing import Annotated, Literal

from pydantic import Field

Precision = Literal["auto", "bf16", "fp32"]
PrecisionField = Annotated[
    Precision, Field(description="bf16: bfloat16; fp32: float32; auto: the faster one on this device")
]
