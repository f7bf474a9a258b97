"""The number format that a stage computes in, one type for every section that chooses one."""

from typing import Annotated, Literal

from pydantic import Field

Precision = Literal["auto", "bf16", "fp32"]
PrecisionField = Annotated[
    Precision, Field(description="auto: whichever this device computes faster in, measured")
]
