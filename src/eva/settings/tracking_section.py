"""Section `tracking` of `params.yaml`."""

from typing import Annotated

from pydantic import Field

from eva.settings.section import Section

_Amount = Annotated[float, Field(ge=0)]


class Tracking(Section):
    """How runs are recorded. It changes no result, so no stage depends on this section."""

    required: bool = Field(
        False,
        description="a stage that cannot reach MLflow fails at its start; false: it runs, and MLflow is "
        "filled from the files later",
    )
    sample_seconds: Annotated[float, Field(gt=0)] = Field(
        5.0, description="between two samples of processor, memory and GPU, and of a training's curve"
    )
    watts: _Amount | None = Field(
        None,
        description="of one device, to estimate energy where no GPU measures it; null: no estimate",
    )
    price_per_hour: _Amount | None = Field(
        None, description="of one device, in any currency, to estimate the cost; null: no estimate"
    )
